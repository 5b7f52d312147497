// Adds the partial sums of many gradients in a fixed order, and writes those by the kernels' weights as gradients by the
// coefficients of B-splines (see shared/spline.wgsl).
//
//   total[t,a,o] = sum over b of matrix[a,b] * sum over s of partial[s,t,b,o]     in each part
//
// A part without a change of basis has a single row, which is all of it. In a workgroup LANES invocations share a sum, and the
// rows of a column (t,o) lie together.
//
// dispatch: all workgroups of the parts, folded over x and y

struct Part {
  group: u32,    // first workgroup
  partial: u32,  // first vec4, of split 0
  stride: u32,   // vec4 from a split to the next
  splits: u32,
  columns: u32,  // vec4 of a row
  rows: u32,     // slots, or 1
  row: u32,      // vec4 from a slot to the next
  matrix: u32,   // first element, [rows, rows]
  total: u32,    // first element
  length: u32,   // elements
  lanes: u32,    // a power of two
}

@group(0) @binding(0) var<storage, read> parts: array<Part>;           // [PARTS, 11]
@group(0) @binding(1) var<storage, read> matrices: array<f32>;         // [MATRICES]
@group(0) @binding(2) var<storage, read> partial: array<vec4<f32>>;    // [PARTIALS]
@group(0) @binding(3) var<storage, read_write> total: array<f32>;      // [TOTALS]

override PARTS: u32;
override MATRICES: u32;
override PARTIALS: u32;
override TOTALS: u32;
override WORKGROUP: u32; // 1 to 256: a power of two

const AT_ONCE = 4u; // loads of a long loop that are under way together

var<workgroup> sums: array<vec4<f32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let g = group.y * groups.x + group.x;
  var place = 0u;
  for (var next = 1u; next < PARTS; next++) {
    place = select(place, next, g >= parts[next].group);
  }
  let part = parts[place];
  let together = WORKGROUP / (part.rows * part.lanes); // columns of a workgroup
  let j = lane % together;
  let slot = lane / together % part.rows;
  let share = lane / (together * part.rows);
  let column = (g - part.group) * together + j;
  let at = column / part.row * (part.rows * part.row) + slot * part.row + column % part.row;
  let present = share < part.lanes && column < part.columns;

  let end = select(0u, part.splits, present);
  var sum = vec4<f32>();
  for (var s = share; s < end; s += AT_ONCE * part.lanes) {
    for (var u = 0u; u < AT_ONCE; u++) {
      let split = s + u * part.lanes;
      if (split < end) {
        sum += partial[part.partial + split * part.stride + at];
      }
    }
  }
  sums[lane] = sum;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (half < part.lanes && share < half) {
      sums[lane] += sums[lane + half * together * part.rows];
    }
  }
  workgroupBarrier();

  if (present && share == 0u) {
    var value = sums[lane];
    if (part.rows > 1u) {
      value = vec4<f32>();
      for (var b = 0u; b < part.rows; b++) {
        value = fma(vec4<f32>(matrices[part.matrix + slot * part.rows + b]), sums[b * together + j], value);
      }
    }
    for (var q = 0u; q < 4u; q++) {
      if (4u * at + q < part.length) {
        total[part.total + 4u * at + q] = value[q];
      }
    }
  }
}
