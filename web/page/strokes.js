// Strokes of a pointer over a canvas, as shares of its width and height.

/// Calls `at(x, y, previous)` along a stroke and `done` at its end.
export function strokes(canvas, at, done) {
  let previous = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const go = (event) => {
    const here = place(event);
    at(...here, previous ?? here);
    previous = here;
  };
  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    previous = null;
    go(event);
    event.preventDefault();
    canvas.focus({ preventScroll: true });
  });
  canvas.addEventListener('pointermove', (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) go(event);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(end, () => {
      previous = null;
      done();
    });
  }
}
