//! The pictures, as SVG. On white, and with generic fonts: they are shown on light and dark pages alike.

use crate::record::{LIMIT, OURS, Record, Records};
use crate::report::{candidates, number};
use anyhow::{Context as _, Result, anyhow};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// A picture that has been written.
pub(crate) struct Picture {
    /// The part whose records it shows.
    pub(crate) part: &'static str,
    pub(crate) file: &'static str,
    pub(crate) caption: &'static str,
}

/// Draws a picture into a file; returns whether there was anything to draw.
type Draw = fn(&Records, &Path) -> Result<bool>;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(36, 41, 47);
const PALE: RGBColor = RGBColor(225, 228, 232);
/// Of this library.
const OUR_COLOR: RGBColor = RGBColor(207, 34, 46);
/// Of the limit.
const LIMIT_COLOR: RGBColor = RGBColor(110, 119, 129);
/// Of all others. They can be told apart without seeing red and green as different.
const COLORS: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(128, 90, 40),
    RGBColor(90, 70, 160),
    RGBColor(150, 190, 60),
    RGBColor(0, 90, 90),
    RGBColor(240, 120, 100),
];

const WIDTH: u32 = 900;
/// Of text, in the unit of plotters, which makes about 13 pixels of it.
const TEXT: i32 = 16;
const TITLE: i32 = 22;

/// Draws the pictures for which there are records.
pub(crate) fn draw(records: &Records, directory: &Path) -> Result<Vec<Picture>> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let pictures: [(_, _, _, Draw); 4] = [
        (
            "access",
            "access.svg",
            "Instructions of an access, by candidate",
            access,
        ),
        (
            "births",
            "states.svg",
            "Instructions to make and drop a state, over the number of states",
            states,
        ),
        (
            "counts",
            "totals.svg",
            "Time of a total over the number of threads",
            totals,
        ),
        (
            "compile",
            "compile.svg",
            "Compile time over the number of structs",
            compile,
        ),
    ];
    let mut drawn = Vec::new();
    for (part, file, caption, draw) in pictures {
        let path = directory.join(file);
        if draw(records, &path).with_context(|| format!("cannot draw {}", path.display()))? {
            drawn.push(Picture {
                part,
                file,
                caption,
            });
        }
    }
    Ok(drawn)
}

/// What the bars are, and their colors.
const BARS: [(&str, RGBColor); 3] = [
    ("get", RGBColor(9, 105, 218)),
    ("update", RGBColor(45, 164, 160)),
    ("with_state_mut", RGBColor(191, 135, 0)),
];

/// A candidate's bars.
struct Row {
    candidate: String,
    bars: Vec<(RGBColor, f64)>,
}

/// The limit, this library, and the others from the cheapest to the dearest.
fn rows(records: &Records) -> Vec<Row> {
    let mut rows = Vec::new();
    for candidate in candidates(&records.0) {
        let bars = BARS.iter().filter_map(|&(operation, color)| {
            let value = records.value(operation, "lto", &candidate, "instructions")?;
            Some((color, value))
        });
        let bars: Vec<_> = bars.collect();
        // Of who takes part in some only there is nothing to compare.
        if bars.first().is_some_and(|(color, _)| *color == BARS[0].1) {
            rows.push(Row { candidate, bars });
        }
    }
    let is_first = |row: &&Row| row.candidate.starts_with(LIMIT) || row.candidate == OURS;
    let first = rows.iter().take_while(is_first).count();
    let dearest = |row: &Row| row.bars.iter().fold(0.0, |most, bar| bar.1.max(most));
    rows[first..].sort_by(|a, b| dearest(a).total_cmp(&dearest(b)));
    rows
}

/// Bars: three accesses by each candidate.
fn access(records: &Records, file: &Path) -> Result<bool> {
    // In pixels.
    const BAR: i32 = 11;
    const GAP: i32 = 10;
    let (top, left, right, bottom) = (76, 170, pixels(WIDTH) - 70, 58);
    let rows = rows(records);
    if rows.len() < 2 {
        return Ok(false);
    }
    // One candidate that takes hundreds would leave no room to tell the others apart.
    let values = rows.iter().flat_map(|row| &row.bars);
    let mut values: Vec<f64> = values.map(|bar| bar.1).collect();
    values.sort_by(f64::total_cmp);
    let end = values[values.len() - 1].min(values[values.len() / 2] * 4.0);
    #[expect(clippy::cast_possible_truncation, reason = "at most `right`")]
    let place = |value: f64| left + (value.min(end) / end * f64::from(right - left)) as i32;

    let height = |row: &Row| i32::try_from(row.bars.len()).map_or(0, |bars| bars * BAR + GAP);
    let axis = top + rows.iter().map(height).sum::<i32>();
    let root = canvas(file, (axis + bottom).unsigned_abs())?;
    title(&root, "Instructions per access (LTO): shorter is better")?;
    let mut x = left;
    for (operation, color) in BARS {
        root.draw(&Rectangle::new([(x, 49), (x + 12, 61)], color.filled()))?;
        text(&root, operation, (x + 18, 55), HPos::Left, INK)?;
        // There are no metrics of a font that the viewer chooses; eight pixels are a wide letter.
        x += 40 + i32::try_from(operation.len() * 8)?;
    }
    let step = round_step(end / 6.0);
    let mut mark = 0.0;
    while mark <= end {
        let x = place(mark);
        root.draw(&PathElement::new([(x, top - 4), (x, axis)], PALE))?;
        text(&root, &number(mark), (x, axis + 12), HPos::Center, INK)?;
        mark += step;
    }
    let middle = i32::midpoint(left, right);
    let unit = "instructions, above those of an empty call";
    text(&root, unit, (middle, axis + 36), HPos::Center, INK)?;
    let mut y = top;
    for row in &rows {
        let height = height(row);
        let ours = row.candidate == OURS;
        if ours {
            let band = [(8, y - 4), (pixels(WIDTH) - 8, y + height - 6)];
            root.draw(&Rectangle::new(band, OUR_COLOR.mix(0.09).filled()))?;
        }
        let name = (left - 10, y + (height - GAP) / 2);
        let color = if ours { OUR_COLOR } else { INK };
        text(&root, &row.candidate, name, HPos::Right, color)?;
        for &(color, value) in &row.bars {
            let x = place(value);
            let bar = [(left, y), (x.max(left + 1), y + BAR - 2)];
            root.draw(&Rectangle::new(bar, color.filled()))?;
            if value > end {
                // A cut: the bar is longer than there is room for.
                let (above, below) = (y - 1, y + BAR - 1);
                let cut = [
                    (x - 14, above),
                    (x - 10, above),
                    (x - 14, below),
                    (x - 18, below),
                ];
                root.draw(&Polygon::new(cut, WHITE))?;
            }
            let style = font(13, INK).pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(number(value), (x + 5, y + BAR / 2 + 1), style))?;
            y += BAR;
        }
        y += GAP;
    }
    root.present()?;
    Ok(true)
}

fn states(records: &Records, file: &Path) -> Result<bool> {
    let chart = Chart {
        title: "Instructions to make and drop one of N states of a thread: lower is better",
        x: "states touched in one thread",
        y: "instructions per state",
        logarithmic: true,
    };
    chart.draw(file, &lines_over(records, "touch", "instructions"))
}

fn totals(records: &Records, file: &Path) -> Result<bool> {
    let chart = Chart {
        title: "Time of one total over all threads: lower is better",
        x: "live threads",
        y: "ns",
        logarithmic: true,
    };
    let mut lines = lines_over(records, "total", "ns per thread");
    // What does not visit every thread would be a falling line per thread, and nobody waits for a
    // part of a total.
    for (threads, time) in lines.iter_mut().flat_map(|line| &mut line.points) {
        *time *= *threads;
    }
    chart.draw(file, &lines)
}

fn compile(records: &Records, file: &Path) -> Result<bool> {
    let builds = [
        ("check", COLORS[0]),
        ("dev build", COLORS[2]),
        ("release build", COLORS[1]),
    ];
    let mut lines = Vec::new();
    for (operation, color) in builds {
        for mut line in lines_over(records, operation, "s") {
            line.color = color;
            line.strong = false;
            line.dashed = line.name != OURS;
            line.name = format!("{operation}, {}", line.name);
            lines.push(line);
        }
    }
    let chart = Chart {
        title: "Compile time of structs with four fields: lower is better",
        x: "structs",
        y: "seconds",
        logarithmic: false,
    };
    chart.draw(file, &lines)
}

struct Line {
    name: String,
    color: RGBColor,
    strong: bool,
    dashed: bool,
    points: Vec<(f64, f64)>,
}

/// A line for each candidate, over the number with which the setting begins.
fn lines_over(records: &Records, operation: &str, unit: &str) -> Vec<Line> {
    // What was measured a second time only shows how sure the first one is.
    let of_operation = |record: &&Record| {
        let again = record.candidate.ends_with(" again");
        record.operation == operation && record.unit == unit && !again
    };
    let records: Vec<&Record> = records.0.iter().filter(of_operation).collect();
    let mut colors = COLORS.iter().cycle();
    let mut lines = Vec::new();
    for candidate in candidates(records.iter().copied()) {
        let of_candidate = records
            .iter()
            .filter(|record| record.candidate == candidate);
        let points = of_candidate.filter_map(|record| {
            let (count, _) = record.setting.split_once(' ')?;
            Some((count.parse().ok()?, record.value))
        });
        let mut points: Vec<(f64, f64)> = points.collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let color = match &*candidate {
            OURS => OUR_COLOR,
            name if name.starts_with(LIMIT) => LIMIT_COLOR,
            _ => *colors.next().expect("an endless cycle"),
        };
        lines.push(Line {
            strong: candidate == OURS,
            name: candidate,
            color,
            dashed: false,
            points,
        });
    }
    lines
}

/// A picture of lines, each named where it ends.
struct Chart {
    title: &'static str,
    x: &'static str,
    y: &'static str,
    logarithmic: bool,
}

impl Chart {
    /// Returns whether there is enough to draw: without two points there is no line.
    fn draw(&self, file: &Path, lines: &[Line]) -> Result<bool> {
        let points = || lines.iter().flat_map(|line| &line.points);
        if lines.iter().all(|line| line.points.len() < 2) {
            return Ok(false);
        }
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let x = least(&mut points().map(|point| point.0))..most(&mut points().map(|point| point.0));
        let y = least(&mut points().map(|point| point.1))..most(&mut points().map(|point| point.1));
        if self.logarithmic {
            let x = (x.start / 1.15)..(x.end * 1.15);
            let y = (y.start / 1.4)..(y.end * 1.4);
            self.draw_in(file, lines, x.log_scale(), y.log_scale())?;
        } else {
            self.draw_in(file, lines, 0.0..x.end * 1.02, 0.0..y.end * 1.05)?;
        }
        Ok(true)
    }

    fn draw_in<X, Y>(&self, file: &Path, lines: &[Line], x: X, y: Y) -> Result<()>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let height = 480;
        let root = canvas(file, height)?;
        title(&root, self.title)?;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(56)
            .margin_left(16)
            .margin_right(210)
            .margin_bottom(12)
            .x_label_area_size(46)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .bold_line_style(PALE)
            .light_line_style(TRANSPARENT)
            .axis_style(LIMIT_COLOR)
            .label_style(font(TEXT, INK))
            .disable_x_mesh()
            .x_label_formatter(&|_| String::new())
            .set_tick_mark_size(LabelAreaPosition::Bottom, 0)
            .y_label_formatter(&|value| {
                if self.logarithmic && !is_round(*value) {
                    return String::new();
                }
                number(*value)
            })
            .x_desc(self.x)
            .y_desc(self.y)
            .axis_desc_style(font(TEXT + 1, INK))
            .draw()?;
        // What was measured, and not round numbers between.
        let points = lines.iter().flat_map(|line| &line.points);
        let mut measured: Vec<(f64, f64)> = points.copied().collect();
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        measured.dedup_by_key(|point| point.0);
        let (_, rows) = chart.plotting_area().get_pixel_range();
        for point in measured {
            let (x, _) = chart.backend_coord(&point);
            root.draw(&PathElement::new(
                [(x, rows.start), (x, rows.end + 4)],
                PALE,
            ))?;
            let place = (x, rows.end + 14);
            text(&root, &number(point.0), place, HPos::Center, INK)?;
        }
        // This library is drawn over the others.
        let (strong, others): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.strong);
        let mut names = Vec::new();
        for line in others.into_iter().chain(strong) {
            let Some(&end) = line.points.last() else {
                continue;
            };
            let style = line.color.stroke_width(if line.strong { 4 } else { 2 });
            if line.dashed {
                let points = line.points.iter().copied();
                chart.draw_series(DashedLineSeries::new(points, 6, 5, style))?;
            } else {
                chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
            }
            let radius = if line.strong { 5 } else { 3 };
            let circle = |&point: &(f64, f64)| Circle::new(point, radius, line.color.filled());
            chart.draw_series(line.points.iter().map(circle))?;
            names.push((chart.backend_coord(&end), line));
        }
        // Names stand beside the ends of their lines, but not over each other.
        names.sort_by_key(|((_, y), _)| *y);
        let place: Vec<i32> = names.iter().map(|((_, y), _)| *y).collect();
        let bounds = 50..pixels(height) - 50;
        for (((x, y), line), place) in names.iter().zip(apart(&place, 18, bounds)) {
            root.draw(&PathElement::new(
                [(x + 6, *y), (x + 22, place)],
                line.color.mix(0.6),
            ))?;
            text(&root, &line.name, (x + 26, place), HPos::Left, line.color)?;
        }
        root.present()?;
        Ok(())
    }
}

/// These sorted places, moved so that neighbors are at least so far from each other.
fn apart(places: &[i32], distance: i32, bounds: Range<i32>) -> Vec<i32> {
    let mut moved = Vec::with_capacity(places.len());
    for &place in places {
        let least = moved.last().map_or(bounds.start, |last| last + distance);
        moved.push(place.max(least));
    }
    // What was pushed out at the bottom comes back, and pushes up those above it.
    let mut most = bounds.end;
    for place in moved.iter_mut().rev() {
        *place = (*place).min(most);
        most = *place - distance;
    }
    moved
}

/// Whether it is 1, 2 or 5 times a power of ten: on a logarithmic axis the others stand too close.
fn is_round(value: f64) -> bool {
    (round_step(value) / value - 1.0).abs() < 1e-6
}

/// The step of an axis that is next to this: 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= step);
    factor.unwrap_or(10.0) * power
}

fn canvas(file: &Path, height: u32) -> Result<Area<'_>> {
    let root = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
    Ok(root)
}

fn title(root: &Area<'_>, title: &str) -> Result<()> {
    let style = ("sans-serif", TITLE, FontStyle::Bold)
        .into_font()
        .color(&INK);
    root.draw(&Text::new(title.to_owned(), (20, 14), style))?;
    Ok(())
}

fn text(root: &Area<'_>, text: &str, place: (i32, i32), side: HPos, color: RGBColor) -> Result<()> {
    let style = font(TEXT, color).pos(Pos::new(side, VPos::Center));
    root.draw(&Text::new(text.to_owned(), place, style))?;
    Ok(())
}

fn font(size: i32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color)
}

/// A size as a place; pictures have far fewer pixels than an `i32` counts.
fn pixels(size: u32) -> i32 {
    size.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_stand_over_each_other() {
        assert_eq!(apart(&[10, 100], 18, 0..400), [10, 100]);
        assert_eq!(apart(&[10, 12, 14], 18, 0..400), [10, 28, 46]);
        assert_eq!(apart(&[390, 395, 400], 18, 0..400), [364, 382, 400]);
        assert_eq!(apart(&[], 18, 0..400), [0; 0]);
    }

    #[test]
    fn steps_are_round() {
        for (step, round) in [
            (0.9, 1.0),
            (1.1, 2.0),
            (3.0, 5.0),
            (7.0, 10.0),
            (30.0, 50.0),
        ] {
            assert!((round_step(step) - round).abs() < 1e-9);
        }
    }

    #[test]
    fn without_records_nothing_is_drawn() -> Result<()> {
        let directory = tempfile::tempdir()?;
        assert!(draw(&Records::default(), directory.path())?.is_empty());
        Ok(())
    }
}
