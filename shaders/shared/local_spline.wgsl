// The few splines that are not zero at a place: of GRID+ORDER B-splines (see spline.wgsl) those of the
// cell that z lies in, cell to cell + ORDER.

override ORDER: u32; // 1 to 3
override GRID: u32; // 1 to 64
override RANGE: f32;
override CENTRE: f32;

struct LocalSplines {
  cell: u32,
  values: vec4<f32>, // of the slots from `cell` on; ORDER + 1 of them
}

fn local_splines(z: f32) -> LocalSplines {
  let u = (z - CENTRE + RANGE) * (f32(GRID) / (2.0 * RANGE));
  let inside = clamp(u, 0.0, f32(GRID));
  let beyond = u - inside;
  let cell = min(u32(inside), GRID - 1u);
  let t = inside - f32(cell);
  let r = 1.0 - t;
  // Values, and their tangent outside the grid.
  var values = vec4<f32>(r, t, 0.0, 0.0);
  var slopes = vec4<f32>(-1.0, 1.0, 0.0, 0.0);
  if (ORDER == 2u) {
    values = vec4<f32>(0.5 * r * r, 0.5 + t * r, 0.5 * t * t, 0.0);
    slopes = vec4<f32>(-r, r - t, t, 0.0);
  } else if (ORDER == 3u) {
    values = vec4<f32>(r * r * r, fma(t * t, fma(3.0, t, -6.0), 4.0), fma(r * r, fma(3.0, r, -6.0), 4.0), t * t * t) / 6.0;
    slopes = 0.5 * vec4<f32>(-r * r, t * fma(3.0, t, -4.0), -r * fma(3.0, r, -4.0), t * t);
  }
  return LocalSplines(cell, fma(vec4<f32>(beyond), slopes, values));
}
