//! Output sizes of windows, against their enumeration.

use harmonium::shape::Window;

/// The positions by definition: whole windows on the padded values and, rounded up, one more where they
/// leave values over, if it begins before the input's end.
fn enumerated(window: &Window, input: usize, ceil: bool) -> usize {
    let last = input + 2 * window.padding;
    let start = |k: usize| k * window.stride;
    let end = |k: usize| start(k) + (window.size - 1) * window.dilation + 1;
    let whole = (0..).take_while(|&k| end(k) <= last).count();
    let left_over = whole > 0 && end(whole - 1) < last;
    let begins_inside = start(whole) < input + window.padding;
    whole + usize::from(ceil && left_over && begins_inside)
}

#[test]
fn positions_are_as_many_as_enumerated() {
    let mut seen = 0;
    for input in 0..=9 {
        for size in 1..=5 {
            for stride in 1..=5 {
                for padding in 0..=4 {
                    for dilation in 1..=3 {
                        for ceil in [false, true] {
                            let window = Window { size, stride, padding, dilation };
                            let found = window.positions("test", "width", input, ceil);
                            let expected = enumerated(&window, input, ceil);
                            seen += usize::from(expected > 1);
                            match found {
                                Ok(found) => assert_eq!(found, expected, "{window:?} on {input}"),
                                Err(_) => assert_eq!(expected, 0, "{window:?} on {input}"),
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(seen > 3000, "{seen}");
}

#[test]
fn rounding_up_adds_one_window_at_most_and_none_past_the_end() {
    let window = Window { size: 2, stride: 2, padding: 0, dilation: 1 };
    let sizes = |ceil| (2..8).map(|n| window.positions("t", "width", n, ceil).unwrap()).collect();
    let (down, up): (Vec<_>, Vec<_>) = (sizes(false), sizes(true));
    assert_eq!(down, [1, 1, 2, 2, 3, 3]);
    assert_eq!(up, [1, 2, 2, 3, 3, 4]);
    // The window that was to begin at 4 would lie in the padding alone.
    let window = Window { size: 2, stride: 5, padding: 1, dilation: 1 };
    assert_eq!(window.positions("t", "width", 4, true).unwrap(), 1);
    assert_eq!(window.positions("t", "width", 5, true).unwrap(), 2);
}

#[test]
fn windows_that_fit_nowhere_are_errors_that_say_why() {
    let window = Window { size: 3, stride: 1, padding: 0, dilation: 1 };
    let error = |window: Window, input| {
        window.positions("conv2d", "height", input, false).unwrap_err().to_string()
    };
    for (wrong, said) in [
        (Window { stride: 0, ..window }, "conv2d: the height's stride is 0; use at least 1"),
        (Window { size: 0, ..window }, "conv2d: the height's size is 0; use at least 1"),
        (Window { dilation: 0, ..window }, "conv2d: the height's dilation is 0; use at least 1"),
    ] {
        assert_eq!(error(wrong, 9), said);
    }
    let text = error(window, 2);
    assert!(text.contains("spans 3 does not fit the height of 2; use a smaller"), "{text}");
    let text = error(Window { dilation: 4, padding: 2, ..window }, 4);
    assert!(text.contains("spans 9 does not fit the height of 4 with 2 of padding"), "{text}");
}

#[test]
fn monstrous_sizes_overflow_nothing() {
    const MOST: usize = usize::MAX;
    let window = Window { size: 2, stride: 1, padding: 1, dilation: 1 };
    for ceil in [false, true] {
        for wrong in [
            Window { size: MOST, dilation: 2, ..window },
            Window { dilation: MOST, size: 3, ..window },
            Window { padding: MOST, ..window },
        ] {
            assert!(wrong.positions("t", "width", 5, ceil).is_err(), "{wrong:?}");
        }
        let far = Window { stride: MOST, ..window };
        assert_eq!(far.positions("t", "width", 5, ceil).unwrap(), 1);
        let wide = Window { padding: MOST / 2 - 5, stride: MOST / 2, ..window };
        assert_eq!(wide.positions("t", "width", 5, ceil).unwrap(), 2);
    }
}
