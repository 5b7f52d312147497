// The weights of edges in another basis (see shared/spline.wgsl), or their gradient back: those of many layers at once.
//
//   to[t,a,o] = sum over b of matrix[a,b] * from[t,b,o]     in each part, with a matrix of its own
//
// Parts lie in `to` in their order; what lies between two of them stays.
//
// dispatch: TO/4 invocations, folded over x and y

struct Part {
  to: u32,      // first vec4, [TAPS, SLOTS, CO_PAD] in `to_`
  from_: u32,   // and in `from_`
  size: u32,    // vec4 in all
  slots: u32,
  row: u32,     // vec4 of a slot: CO_PAD/4
  matrix: u32,  // first element, [SLOTS, SLOTS]
}

@group(0) @binding(0) var<storage, read> parts: array<Part>;          // [PARTS, 6]
@group(0) @binding(1) var<storage, read> matrices: array<f32>;        // [MATRICES]
@group(0) @binding(2) var<storage, read> from_: array<vec4<f32>>;     // [FROM]
@group(0) @binding(3) var<storage, read_write> to_: array<vec4<f32>>; // [TO]

override PARTS: u32;
override MATRICES: u32;
override FROM: u32;
override TO: u32; // 4 or more
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  var place = 0u;
  for (var next = 1u; next < PARTS; next++) {
    place = select(place, next, k >= parts[next].to);
  }
  let part = parts[place];
  let at = k - part.to;
  if (k >= TO / 4u || at >= part.size) {
    return;
  }
  let a = (at / part.row) % part.slots;
  let first = part.from_ + at / (part.slots * part.row) * (part.slots * part.row) + at % part.row;
  var sum: vec4<f32>;
  for (var b = 0u; b < part.slots; b++) {
    sum = fma(vec4<f32>(matrices[part.matrix + a * part.slots + b]), from_[first + b * part.row], sum);
  }
  to_[k] = sum;
}
