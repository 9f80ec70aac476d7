//! The parts that pages are made of. A page needs nothing but itself: style, diagrams and pictures are in it.

use crate::error::Result;
use crate::run::colours;
use crate::run::curves::{self, Along, Panel, significant};
use crate::run::png_file::Picture;

/// Text as HTML shows it literally, in an element or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // HTML knows no others.
            c if c.is_control() && !c.is_ascii_whitespace() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A number as reports show it: up to 5 significant digits; a dash for none.
pub fn figure(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => significant(value, 5),
        _ => "–".into(),
    }
}

/// A picture in the page. `alt` is escaped here.
///
/// # Errors
/// Those of [`Picture::to_png`].
pub fn image(picture: &Picture, alt: &str) -> Result<String> {
    let (width, height) = (picture.width, picture.height);
    let data = base64(&picture.to_png()?);
    Ok(format!(
        "<img src=\"data:image/png;base64,{data}\" width=\"{width}\" height=\"{height}\" alt=\"{}\">",
        escape(alt)
    ))
}

/// A table of two or more columns; the first cell of a row is its heading. Cells are HTML.
pub fn table(class: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!("<div class=\"scroll\"><table class=\"{class}\">\n");
    if !head.is_empty() {
        let cells: String = head.iter().map(|h| format!("<th scope=\"col\">{h}</th>")).collect();
        out += &format!("<thead><tr>{cells}</tr></thead>\n");
    }
    out += "<tbody>\n";
    for row in rows {
        let cell = |(n, cell): (usize, &String)| match n {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        };
        let cells: String = row.iter().enumerate().map(cell).collect();
        out += &format!("<tr>{cells}</tr>\n");
    }
    out + "</tbody></table></div>\n"
}

/// A diagram with its title above and its legend below, of a training each line with its last value.
///
/// # Errors
/// Those of [`curves::inline_svg`].
pub fn diagram(panel: &Panel, note: &str) -> Result<String> {
    let svg = curves::inline_svg(panel)?;
    if let Along::Other(along) = &panel.x {
        let names: Vec<&str> = panel.series.iter().map(|series| series.name.as_str()).collect();
        let spoken = format!("{} over {along}: {}", panel.title, names.join(", "));
        return Ok(framed(&panel.title, &labelled(&svg, &spoken), &legend(panel, &[]), note));
    }
    let lasts = panel.series.iter().map(|series| {
        let last = series.points.iter().rev().map(|p| p.1).find(|y| y.is_finite());
        last.map_or("no values".into(), |y| significant(y, 4))
    });
    let lasts: Vec<String> = lasts.collect();
    let ends = panel.series.iter().zip(&lasts);
    let spoken: String =
        ends.map(|(series, last)| format!("; {} ends at {last}", series.name)).collect();
    let svg = labelled(&svg, &(panel.title.clone() + &spoken));
    Ok(framed(&panel.title, &svg, &legend(panel, &lasts), note))
}

/// The names of a diagram's lines, with what else there is to say of each.
fn legend(panel: &Panel, said: &[String]) -> String {
    let lines = panel.series.iter().enumerate().map(|(n, series)| {
        let (colour, name) = (colours::colour_number(n), escape(&series.name));
        let more = said.get(n).map_or(String::new(), |text| format!(" <b>{text}</b>"));
        format!("<li><i class=\"c{colour}\"></i>{name}{more}</li>")
    });
    format!("<ul class=\"legend\">{}</ul>", lines.collect::<String>())
}

/// A histogram over [0, 1] with its title above.
///
/// # Errors
/// Those of [`curves::inline_histogram`].
pub fn histogram(
    title: &str,
    (x_label, y_label): (&str, &str),
    counts: &[f64],
    note: &str,
) -> Result<String> {
    let svg = curves::inline_histogram(x_label, y_label, counts)?;
    Ok(framed(title, &labelled(&svg, &format!("Histogram: {title}")), "", note))
}

fn labelled(svg: &str, label: &str) -> String {
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(label)), 1)
}

fn framed(title: &str, svg: &str, legend: &str, note: &str) -> String {
    let title = escape(title);
    let note = if note.is_empty() { String::new() } else { format!("<p>{}</p>", escape(note)) };
    format!(
        "<figure class=\"card\">\n<h3>{title}</h3>\n{svg}{legend}\n<figcaption>{note}</figcaption>\n</figure>\n"
    )
}

/// A whole page. `title` is escaped here, `body` is HTML.
pub fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    let colours: String = (0..colours::COLOUR_COUNT)
        .map(|n| format!(".c{n}{{background:var(--line-{n})}}"))
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>\n:root{{{LIGHT}{}}}\n\
         @media (prefers-color-scheme:dark){{:root{{{DARK}{}}}}}\n{STYLE}\n{}\n{colours}\n</style>\n\
         </head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        colours::css_variables(false),
        colours::css_variables(true),
        colours::css()
    )
}

const LIGHT: &str = "color-scheme:light dark;--paper:#f6f7f8;--card:#fff;--text:#1c1e21;--quiet:#5c6470;--rule:#dfe3e8;--warn:#9a3412;--warn-paper:#fff3e8;";
const DARK: &str = "--paper:#131518;--card:#1c1f23;--text:#e6e8ea;--quiet:#9aa3ae;--rule:#32373e;--warn:#ffb783;--warn-paper:#33231a;";
const STYLE: &str = "\
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--text);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:1100px;margin:0 auto;padding:28px 16px 56px}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3em;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2em 0 .5em}
h3{font-size:1rem;margin:0 0 .3em}
p{margin:.3em 0 .8em;max-width:75ch;overflow-wrap:anywhere}
.lead{font-size:1.1rem}
.quiet,figcaption{color:var(--quiet);font-size:.9rem}
.warn{color:var(--warn);background:var(--warn-paper);border-left:4px solid var(--warn);padding:.6em .9em;border-radius:4px}
.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr))}
.card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:14px 16px;margin:0;min-width:0}
.card p:last-child{margin-bottom:0}
.grid h2{margin:0 0 .5em}
svg{display:block;width:100%;height:auto;max-width:640px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.94rem}
th,td{text-align:left;vertical-align:top;padding:.36em .8em .36em 0;border-bottom:1px solid var(--rule)}
tr:last-child>*{border-bottom:0}
thead th{color:var(--quiet);font-weight:600;white-space:nowrap}
tbody th{font-weight:500}
td{overflow-wrap:anywhere}
.settings tbody th{color:var(--quiet);white-space:nowrap;width:1%}
.figures td:nth-child(2){white-space:nowrap;font-variant-numeric:tabular-nums;font-weight:600}
.figures td:last-child{color:var(--quiet);font-size:.9rem}
.layers td:nth-child(2){min-width:11em}
.layers td:nth-child(n+3){white-space:nowrap;font-variant-numeric:tabular-nums}
.runs{font-size:.86rem}
.runs thead th{white-space:normal;vertical-align:bottom}
.runs td{white-space:nowrap;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.runs td:last-child{white-space:normal;min-width:9em}
.legend{list-style:none;margin:.3em 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.15em 1.2em;font-size:.9rem}
.legend li{overflow-wrap:anywhere}
i[class^=c]{display:inline-block;width:18px;height:4px;border-radius:2px;vertical-align:middle;margin-right:.45em}
img{display:block;max-width:100%;height:auto;border-radius:3px}
.filters{display:grid;grid-template-columns:repeat(auto-fill,minmax(62px,1fr));gap:8px 6px}
.filters figure{margin:0;text-align:center;font-size:.72rem;line-height:1.35;color:var(--quiet);font-variant-numeric:tabular-nums}
.filters img{width:100%;image-rendering:pixelated}
.filters.strips{grid-template-columns:repeat(auto-fill,minmax(200px,1fr))}
.filters.strips img{height:22px}
.steps{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:10px 14px;align-items:center;font-variant-numeric:tabular-nums}
.steps img,.wide img{width:100%}
@media (min-width:700px){.steps img,.wide img{image-rendering:pixelated}}
@media (max-width:699px){main{padding:18px 12px 40px}.card{padding:12px}.steps{grid-template-columns:minmax(0,1fr);gap:2px 0}.steps img{margin-bottom:10px}
.figures,.figures tbody,.figures tr,.figures th,.figures td{display:block;border:0;padding:0}.figures thead{display:none}.figures tr{padding:.5em 0;border-bottom:1px solid var(--rule)}}
footer{margin-top:3em;color:var(--quiet);font-size:.85rem}";

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * n)) as usize & 63];
            out.push(if n <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
