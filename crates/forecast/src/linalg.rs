//! The little linear algebra the ridge regression needs: symmetric sums and their Cholesky factor.
//!
//! Matrices of some thirty rows, solved a few times an hour: a library would bring more code than
//! it saves. Lower triangles are packed row by row, so that every inner loop runs along memory.

/// Where row `i` of a packed lower triangle begins; also how long a triangle of `i` rows is.
pub(crate) const fn row_start(i: usize) -> usize {
    i * (i + 1) / 2
}

/// The inner product of two slices of the same length.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums, so that additions need not wait for each other.
    let mut sums = [0.0; 4];
    let (a_chunks, b_chunks) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..4 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// `y += factor * x`.
pub(crate) fn add_scaled(y: &mut [f64], factor: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}

/// Adds `weight * x xᵀ` to a packed lower triangle.
pub(crate) fn add_outer(triangle: &mut [f64], weight: f64, x: &[f64]) {
    let mut rest = triangle;
    for i in 0..x.len() {
        let (row, tail) = rest.split_at_mut(i + 1);
        add_scaled(row, weight * x[i], &x[..=i]);
        rest = tail;
    }
}

/// The lower factor `L` of a symmetric positive definite matrix `A = L Lᵀ`, packed.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    rows: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors a packed lower triangle in place; `None` if it is not positive definite.
    pub(crate) fn factor(mut matrix: Vec<f64>) -> Option<Self> {
        let mut rows = 0;
        while row_start(rows) < matrix.len() {
            let (above, from_row) = matrix.split_at_mut(row_start(rows));
            let row = &mut from_row[..=rows];
            for j in 0..rows {
                let above_row = &above[row_start(j)..row_start(j + 1)];
                row[j] = (row[j] - dot(&row[..j], &above_row[..j])) / above_row[j];
            }
            let pivot = row[rows] - dot(&row[..rows], &row[..rows]);
            if !(pivot > 0.0 && pivot.is_finite()) {
                return None;
            }
            row[rows] = pivot.sqrt();
            rows += 1;
        }
        Some(Self { rows, lower: matrix })
    }

    /// Solves `L y = rhs` in place.
    pub(crate) fn forward(&self, rhs: &mut [f64]) {
        for i in 0..self.rows {
            let row = &self.lower[row_start(i)..row_start(i + 1)];
            rhs[i] = (rhs[i] - dot(&row[..i], &rhs[..i])) / row[i];
        }
    }

    /// Solves `Lᵀ x = rhs` in place.
    pub(crate) fn backward(&self, rhs: &mut [f64]) {
        for i in (0..self.rows).rev() {
            let row = &self.lower[row_start(i)..row_start(i + 1)];
            rhs[i] /= row[i];
            let solved = rhs[i];
            add_scaled(&mut rhs[..i], -solved, &row[..i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solving_undoes_multiplying(
            rows in prop::collection::vec(prop::collection::vec(-3.0..3.0_f64, 7), 9),
            x in prop::collection::vec(-5.0..5.0_f64, 7),
        ) {
            let mut triangle = vec![0.0; row_start(7)];
            for row in &rows {
                add_outer(&mut triangle, 2.0, row);
            }
            for i in 0..7 {
                triangle[row_start(i) + i] += 0.5;
            }
            let at = |i: usize, j: usize| triangle[row_start(i.max(j)) + i.min(j)];
            let mut rhs: Vec<f64> = (0..7).map(|i| (0..7).map(|j| at(i, j) * x[j]).sum()).collect();
            let factor = Cholesky::factor(triangle.clone()).expect("positive definite");
            factor.forward(&mut rhs);
            factor.backward(&mut rhs);
            for (solved, expected) in rhs.iter().zip(&x) {
                prop_assert!((solved - expected).abs() < 1e-7, "{solved} instead of {expected}");
            }
        }

        #[test]
        fn dot_is_the_plain_sum(pairs in prop::collection::vec((-9.0..9.0_f64, -9.0..9.0_f64), 0..20)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            let plain: f64 = pairs.iter().map(|(x, y)| x * y).sum();
            prop_assert!((dot(&a, &b) - plain).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(Cholesky::factor(vec![1.0, 2.0, 1.0]).is_none());
        assert!(Cholesky::factor(vec![0.0]).is_none());
        assert!(Cholesky::factor(vec![f64::NAN]).is_none());
    }
}
