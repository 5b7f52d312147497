// Takes the targets of a step's rows out of those of all rows.
//
//   wanted[r,d] = bank[places[r].row, d]
//
// The targets may be cut into several buffers (a binding holds at most 128 MiB): this kernel runs once for each, and serves
// the rows whose target lies in its BANK.
//
// dispatch: ROWS*WIDTH invocations, folded over x and y

struct Place {
  bank: u32,  // which buffer
  row: u32,   // which of its rows
}

@group(0) @binding(0) var<storage, read> bank: array<f32>;          // [rows, WIDTH]
@group(0) @binding(1) var<storage, read> places: array<Place>;      // [ROWS]
@group(0) @binding(2) var<storage, read_write> wanted: array<f32>;  // [ROWS, WIDTH]

override ROWS: u32;
override WIDTH: u32;
override BANK: u32; // 0 or more
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= ROWS * WIDTH) {
    return;
  }
  let place = places[k / WIDTH];
  if (place.bank != BANK) {
    return;
  }
  wanted[k] = bank[place.row * WIDTH + k % WIDTH];
}
