//! A straight line through points: memory over the number of instances.
//!
//! What many instances take may vary more than what one takes. Ordinary least squares take the spread
//! for the same everywhere: where it grows with x, an interval that says 95 % holds the slope in 57 to
//! 82 of 100 cases. Here points weigh as the spread of the repeats at each x says, and the intervals
//! rest on those repeats alone, whatever the spread is like.

use serde::Serialize;

use super::describe::mean_and_sd;
use super::distribution::{f_above, t_quantile};
use super::error::{DataError, finite, positive};
use super::trend::{Line, theil_sen};
use super::{CONFIDENCE, Interval};

/// How often the range of powers is halved.
const STEPS: u32 = 40;

/// Below this p-value the points are on no straight line, and how far they are off it counts as
/// spread.
const STRAIGHT: f64 = 0.05;

/// The line of weighted least squares, and the robust one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Fit {
    /// Change of y for each one of x: the cost of one more.
    pub slope: f64,
    /// Its interval. `None` where no x is repeated, so that nothing is known of the spread.
    pub slope_interval: Option<Interval>,
    /// y at x = 0: the cost of the first one's surroundings.
    pub intercept: f64,
    /// Its interval.
    pub intercept_interval: Option<Interval>,
    /// The power of x that the spread of y goes with, from 0 (it is the same everywhere) to 1 (it
    /// grows as x does). `None` where no x is repeated; the line is that of 0 then.
    pub spread_power: Option<f64>,
    /// The p-value of "what is expected of y is a straight line": how far the means at each x are off
    /// it, beside the spread of the repeats. `None` with fewer than three different x.
    pub straight_p: Option<f64>,
    /// The share of y's variance that the line explains. `None` if y does not vary.
    pub r_squared: Option<f64>,
    /// The Theil–Sen line: where its slope is outside of the other's interval, a few points bend
    /// the fit.
    pub robust: Line,
}

impl Fit {
    /// Whether the points may be on a straight line; unknown where that cannot be tested.
    pub fn is_straight(&self) -> Option<bool> {
        self.straight_p.map(|p| p >= STRAIGHT)
    }

    /// Whether the robust slope agrees with the fitted one; unknown without an interval.
    pub fn is_robust(&self) -> Option<bool> {
        self.slope_interval
            .map(|interval| interval.contains(self.robust.slope))
    }
}

/// Fits y = intercept + slope·x through (x, y) points that differ in x, all x above zero.
///
/// Weighted least squares with weights 1 / x²ᵖ. The variance of slope and intercept, which are sums of
/// the means at each x, is that of those means by the repeats of each, and the degrees of freedom are
/// Welch and Satterthwaite's (*Biometrics Bulletin* 2, 1946). Where an F test says that the means are on
/// no straight line, the interval is that of a line through the means, with two degrees of freedom
/// fewer than there are means (Draper and Smith, *Applied Regression Analysis*, 3rd ed., ch. 2).
pub fn linear_fit(points: &[(f64, f64)]) -> Result<Fit, DataError> {
    let robust = theil_sen(points)?;
    let (xs, ys): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
    positive(&xs)?;
    finite(&ys)?;
    let groups = groups(points);
    let spread_power = spread_power(&groups);
    let line = Weighted::new(groups, spread_power.unwrap_or(0.0));
    let [slope, intercept] = [&line.slope, &line.intercept].map(|shares| line.sum(shares));
    let spread = spread_power.map(|_| line.spread(slope, intercept));
    let interval = |centre: f64, shares: &[f64]| {
        let (variance, freedom) = spread.as_ref()?.of(&line, shares);
        let t = t_quantile(f64::midpoint(1.0, CONFIDENCE), freedom)?;
        Some(Interval::around(centre, t * variance.sqrt()))
    };
    let off = |(x, y): &(f64, f64)| (y - intercept - slope * x).powi(2);
    let (y_mean, _) = mean_and_sd(&ys);
    let (rest, all) = (
        points.iter().map(off).sum::<f64>(),
        ys.iter().map(|y| (y - y_mean).powi(2)).sum::<f64>(),
    );
    Ok(Fit {
        slope,
        slope_interval: interval(slope, &line.slope),
        intercept,
        intercept_interval: interval(intercept, &line.intercept),
        spread_power,
        straight_p: spread.and_then(|spread| spread.straight_p),
        r_squared: (all > 0.0).then(|| (1.0 - rest / all).clamp(0.0, 1.0)),
        robust,
    })
}

/// The points of one x.
#[derive(Debug, Clone, Copy)]
struct Group {
    x: f64,
    n: f64,
    mean: f64,
    /// The sum of squares about the mean.
    squares: f64,
}

fn groups(points: &[(f64, f64)]) -> Vec<Group> {
    let mut points = points.to_vec();
    points.sort_unstable_by(|one, two| one.0.total_cmp(&two.0));
    #[expect(clippy::float_cmp, reason = "repeats are at an x that is the same")]
    let groups = points.chunk_by(|one, two| one.0 == two.0);
    let group = |points: &[(f64, f64)]| {
        let ys: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
        let (mean, _) = mean_and_sd(&ys);
        Group {
            x: points[0].0,
            n: ys.len() as f64,
            mean,
            squares: ys.iter().map(|y| (y - mean).powi(2)).sum(),
        }
    };
    groups.map(group).collect()
}

/// The power p for which the repeats at each x are most likely, if they are normal with a standard
/// deviation in proportion to xᵖ: by maximum likelihood between 0 and 1.
///
/// It is where the mean of log x weighed by the sums of squares, each over x²ᵖ, is that weighed by
/// their degrees of freedom. The former falls as p grows.
fn spread_power(groups: &[Group]) -> Option<f64> {
    let freedom: f64 = groups.iter().map(|group| group.n - 1.0).sum();
    if freedom <= 0.0 {
        return None;
    }
    let by_freedom = |group: &Group| (group.n - 1.0) * group.x.ln();
    let wanted = groups.iter().map(by_freedom).sum::<f64>() / freedom;
    let is_below = |power: f64| {
        let each = groups
            .iter()
            .map(|it| (it.squares * weight(it.x, power), it.x.ln()));
        let (sum, all) = each.fold((0.0, 0.0), |(sum, all), (share, log)| {
            (sum + share * log, all + share)
        });
        sum > wanted * all
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(f64::midpoint(low, high))
}

fn weight(x: f64, power: f64) -> f64 {
    x.powf(-2.0 * power)
}

/// A line by weighted least squares.
struct Weighted {
    groups: Vec<Group>,
    /// The weight of a point of each group.
    weights: Vec<f64>,
    /// What each group's mean counts in the slope, and in the intercept.
    slope: Vec<f64>,
    intercept: Vec<f64>,
}

impl Weighted {
    fn new(groups: Vec<Group>, power: f64) -> Self {
        let weights: Vec<f64> = groups.iter().map(|it| weight(it.x, power)).collect();
        let both = || groups.iter().zip(&weights);
        let all: f64 = both().map(|(it, weight)| it.n * weight).sum();
        let centre = both().map(|(it, weight)| it.n * weight * it.x).sum::<f64>() / all;
        let reach: f64 = both()
            .map(|(it, weight)| it.n * weight * (it.x - centre).powi(2))
            .sum();
        let slope: Vec<f64> = both()
            .map(|(it, weight)| it.n * weight * (it.x - centre) / reach)
            .collect();
        let intercept = both()
            .zip(&slope)
            .map(|((it, weight), slope)| it.n * weight / all - slope * centre)
            .collect();
        Self {
            groups,
            weights,
            slope,
            intercept,
        }
    }

    /// The sum of the groups' means, each times its share.
    fn sum(&self, shares: &[f64]) -> f64 {
        let means = self.groups.iter().map(|group| group.mean);
        means.zip(shares).map(|(mean, share)| mean * share).sum()
    }

    fn spread(&self, slope: f64, intercept: f64) -> Spread {
        let both = || self.groups.iter().zip(&self.weights);
        let count = self.groups.len() as f64;
        let freedom: f64 = self.groups.iter().map(|group| group.n - 1.0).sum();
        let repeats = both().map(|(it, weight)| weight * it.squares).sum::<f64>() / freedom;
        let off = |it: &Group| (it.mean - intercept - slope * it.x).powi(2);
        let bend = both()
            .map(|(it, weight)| weight * it.n * off(it))
            .sum::<f64>()
            / (count - 2.0);
        let straight_p = (count > 2.0).then(|| match bend / repeats {
            f if f.is_nan() => 1.0,
            f => f_above(f, count - 2.0, freedom),
        });
        Spread {
            repeats,
            freedom,
            bend: straight_p.filter(|p| *p < STRAIGHT).map(|_| bend),
            straight_p,
        }
    }
}

/// How points spread about their line, as the variance of one whose weight is 1.
struct Spread {
    /// By repeats.
    repeats: f64,
    freedom: f64,
    /// By the means at each x, if they are on no straight line.
    bend: Option<f64>,
    straight_p: Option<f64>,
}

impl Spread {
    /// The variance of a sum of means, each times its share, and its degrees of freedom.
    fn of(&self, line: &Weighted, shares: &[f64]) -> (f64, f64) {
        let each = || line.groups.iter().zip(&line.weights).zip(shares);
        if let Some(bend) = self.bend {
            let variance = each().map(|((it, weight), share)| share * share / (it.n * weight));
            return (bend * variance.sum::<f64>(), line.groups.len() as f64 - 2.0);
        }
        let (mut variance, mut over) = (0.0, 0.0);
        for ((it, weight), share) in each() {
            // What was not repeated spreads as the others say.
            let (own, freedom) = if it.n > 1.0 {
                (it.squares / (it.n - 1.0), it.n - 1.0)
            } else {
                (self.repeats / weight, self.freedom)
            };
            let part = share * share * own / it.n;
            variance += part;
            over += part * part / freedom;
        }
        let freedom = if over > 0.0 {
            variance * variance / over
        } else {
            self.freedom
        };
        (variance, freedom)
    }
}
