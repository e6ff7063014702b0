//! The roofline: operations per byte across, operations per second upwards, both as logarithms.
//! A device is a roof (its read bandwidth, then its peak), a row a point below it.

use super::super::row::Row;
use super::super::text::{NONE, number, percent, scaled, thousands};
use super::scale::{decades, spread_out};
use super::svg::{MAX_SERIES, Svg, WIDTH, shortened};
use super::{Figure, subject_label};

const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 60.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 280.0;
/// Points that are named in the plot; with more of them names would hide the points, and the table
/// has them.
const MAX_NAMES: usize = 8;
/// Characters of a name.
const LABEL: usize = 30;

/// A device with the rows measured on it.
struct Roof<'a> {
    name: String,
    read: f64,
    op: f64,
    rows: Vec<&'a Row>,
}

/// Decades on both axes, and the way from values to places.
struct Plane {
    x: (i32, i32),
    y: (i32, i32),
}

impl Plane {
    fn at(&self, intensity: f64, op_per_s: f64) -> (f64, f64) {
        let share = |value: f64, (low, high): (i32, i32)| {
            (value.log10() - f64::from(low)) / f64::from(high - low)
        };
        let x = LEFT + (RIGHT - LEFT) * share(intensity, self.x);
        (x, BOTTOM - (BOTTOM - TOP) * share(op_per_s, self.y))
    }
}

/// Operations per byte.
fn intensity(row: &Row) -> f64 {
    row.roofline.ops_per_token / row.roofline.bytes_per_token.max(1.0)
}

/// The figure, if any device's peaks were measured.
pub fn roofline(rows: &[Row]) -> Option<Figure> {
    let mut roofs = roofs(rows);
    roofs.truncate(MAX_SERIES);
    let points = || roofs.iter().flat_map(|roof| &roof.rows);
    let ridge = |roof: &Roof<'_>| roof.op / roof.read;
    let xs = || points().map(|row| intensity(row)).chain(roofs.iter().map(ridge));
    let ys = || points().map(|row| row.roofline.op_per_s).chain(roofs.iter().map(|roof| roof.op));
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    roofs.first()?;
    let plane = Plane {
        x: decades(least(&mut xs()), most(&mut xs()) * 1.5),
        y: decades(least(&mut ys()) * 0.7, most(&mut ys()) * 1.2),
    };
    let mut svg = Svg::new(BOTTOM + 46.0);
    grid(&mut svg, &plane);
    for (i, roof) in roofs.iter().enumerate() {
        draw_roof(&mut svg, &plane, i, roof, roofs.len() > 1);
    }
    names(&mut svg, &plane, &roofs, rows);
    let cells = points().map(|row| cells(row, rows)).collect();
    let said = |row: &&Row| {
        let share = row.roofline.share.map_or(NONE.to_owned(), percent);
        format!("{}, {}: {share} of its limit", subject_label(row, rows), row.test.name())
    };
    Some(Figure {
        title: "How near to the device's limits".to_owned(),
        lead: "A point is a test, the line what the device allows: at its left end memory speed, \
               at its right end computing. The nearer to the line, the less is left to gain."
            .to_owned(),
        desc: points().map(said).collect::<Vec<_>>().join("; "),
        svg,
        head: vec!["Model", "Test", "Operations per byte", "Reached", "Reads", "Of limit"],
        cells,
    })
}

fn roofs(rows: &[Row]) -> Vec<Roof<'_>> {
    let mut roofs: Vec<Roof<'_>> = Vec::new();
    for row in rows.iter().filter(|row| row.roofline.limit_ts.is_some()) {
        let Some(peaks) = &row.peaks else { continue };
        let player = row.subject.player.as_ref().map_or("", |player| &player.name);
        let name = format!("{player}, {}", peaks.op_kind);
        let index = roofs.iter().position(|roof| roof.name == name).unwrap_or_else(|| {
            roofs.push(Roof { name, read: 0.0, op: 0.0, rows: Vec::new() });
            roofs.len() - 1
        });
        let roof = &mut roofs[index];
        roof.read = roof.read.max(peaks.read_bytes_per_s);
        roof.op = roof.op.max(peaks.op_per_s);
        roof.rows.push(row);
    }
    roofs.retain(|roof| roof.read > 0.0 && roof.op > 0.0);
    roofs
}

fn grid(svg: &mut Svg, plane: &Plane) {
    for decade in plane.x.0..=plane.x.1 {
        let value = 10f64.powi(decade);
        let (x, _) = plane.at(value, 1.0);
        svg.line("gr", (x, TOP), (x, BOTTOM));
        let label = if decade < 0 { value.to_string() } else { thousands(value) };
        svg.text("cm", x, BOTTOM + 20.0, &label);
    }
    for decade in plane.y.0..=plane.y.1 {
        let value = 10f64.powi(decade);
        let (_, y) = plane.at(1.0, value);
        svg.line("gr", (LEFT, y), (RIGHT, y));
        let label = scaled(value, "").replace(".00", "").replace(".0", "");
        svg.text("end", LEFT - 10.0, y + 4.0, &label);
    }
    svg.line("ax", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    svg.text("", LEFT, BOTTOM + 42.0, "operations per byte that must be read, log scale");
    svg.text("", 0.0, TOP - 18.0, "operations per second, log scale");
}

fn draw_roof(svg: &mut Svg, plane: &Plane, i: usize, roof: &Roof<'_>, is_named: bool) {
    let (left, right) = (10f64.powi(plane.x.0), 10f64.powi(plane.x.1));
    let bottom = 10f64.powi(plane.y.0);
    // The slope begins where it enters the plot, at its left or at its lower edge.
    let start = left.max(bottom / roof.read).min(right);
    let ridge = roof.op / roof.read;
    let points = [start, ridge, right].map(|x| plane.at(x, (x * roof.read).min(roof.op)));
    svg.polyline(&format!("l{}", i + 1), &points);
    let (x, y) = points[2];
    svg.text("end", x, y - 6.0, &scaled(roof.op, "FLOP/s"));
    let along = plane.at((start * ridge).sqrt(), (start * ridge).sqrt() * roof.read);
    svg.text("end", along.0 - 8.0, along.1 - 4.0, &scaled(roof.read, "B/s"));
    if is_named {
        svg.text("end", x, y + 14.0, &shortened(&roof.name, 2 * LABEL));
    }
    for row in &roof.rows {
        let (x, y) = plane.at(intensity(row), row.roofline.op_per_s);
        svg.point(i, x, y);
    }
}

/// Names right of the points, or left where there is no room.
fn names(svg: &mut Svg, plane: &Plane, roofs: &[Roof<'_>], rows: &[Row]) {
    let points: Vec<&Row> = roofs.iter().flat_map(|roof| roof.rows.iter().copied()).collect();
    let places: Vec<(f64, f64)> =
        points.iter().map(|row| plane.at(intensity(row), row.roofline.op_per_s)).collect();
    if points.len() > MAX_NAMES {
        return;
    }
    let (is_left, is_right): (Vec<usize>, Vec<usize>) =
        (0..points.len()).partition(|&i| places[i].0 > (LEFT + RIGHT) / 2.0);
    let has_one_model =
        points.windows(2).all(|pair| subject_label(pair[0], rows) == subject_label(pair[1], rows));
    for (side, class, dx) in [(is_left, "end val", -10.0), (is_right, "val", 10.0)] {
        let wanted: Vec<f64> = side.iter().map(|&i| places[i].1 + 4.0).collect();
        for (&i, y) in side.iter().zip(spread_out(&wanted, 14.0, BOTTOM - 4.0)) {
            let test = points[i].test.name();
            let name = match has_one_model {
                true => test,
                false => format!("{} {test}", shortened(&subject_label(points[i], rows), LABEL)),
            };
            svg.text(class, places[i].0 + dx, y, &name);
        }
    }
}

fn cells(row: &Row, rows: &[Row]) -> Vec<String> {
    vec![
        subject_label(row, rows),
        row.test.name(),
        number(intensity(row)),
        scaled(row.roofline.op_per_s, "FLOP/s"),
        scaled(row.roofline.read_bytes_per_s, "B/s"),
        row.roofline.share.map_or(NONE.to_owned(), percent),
    ]
}
