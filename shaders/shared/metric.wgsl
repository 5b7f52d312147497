// Distances between a query and a prototype from their three inner products.
// METRIC 0 is the squared Euclidean distance, 1 the cosine distance 1 - cos.

override METRIC: u32; // 0 to 1

struct Products {
  qq: f32, // query . query
  qp: f32, // query . prototype
  pp: f32, // prototype . prototype
}

const SMALLEST_NORM = 1e-12; // of a squared norm: a zero vector is at cosine distance 1

fn cosine(v: Products) -> f32 {
  return v.qp * inverseSqrt(max(v.qq, SMALLEST_NORM)) * inverseSqrt(max(v.pp, SMALLEST_NORM));
}

// d distance / d query, at one component q, p; by symmetry also d / d prototype with the two swapped.
fn metric_slope(v: Products, q: f32, p: f32) -> f32 {
  if (METRIC == 0u) {
    return 2.0 * (q - p);
  }
  let norm = inverseSqrt(max(v.qq, SMALLEST_NORM));
  return norm * (cosine(v) * q * norm - p * inverseSqrt(max(v.pp, SMALLEST_NORM)));
}
