// Power spectrum of windowed frames.
//
//   power[c,f,k] = |sum over n of window[n] * samples[c, f*HOP + n] * exp(-2 pi i k n / N_FFT)|^2,  k = 0 .. N_FFT/2
//
// A real FFT by way of a complex one of half the length, in place in workgroup memory: even samples
// are real parts, odd ones imaginary parts. Decimation in time, radix 4, then at most one radix 2,
// then radix 5 steps; the frame is loaded in digit-reversed order. One workgroup makes one frame.
//
// dispatch: CLIPS*FRAMES workgroups, folded over x and y

@group(0) @binding(0) var<storage, read> samples: array<f32>;       // [CLIPS, LENGTH]: N_FFT + (FRAMES-1)*HOP or more
@group(0) @binding(1) var<storage, read> window: array<f32>;        // [N_FFT]
@group(0) @binding(2) var<storage, read> twiddle: array<vec2<f32>>; // [N_FFT]: exp(-2 pi i k / N_FFT), made in f64
@group(0) @binding(3) var<storage, read_write> power: array<f32>;   // [CLIPS, FRAMES, HALF + 1]

override CLIPS: u32;
override FRAMES: u32;
override LENGTH: u32;
override HOP: u32;
override N_FFT: u32; // 2 to 4096
override HALF: u32; // 1 to 2048: N_FFT / 2 = 4^FOURS * 2^TWOS * 5^FIVES
override FOURS: u32; // 0 to 6
override TWOS: u32; // 0 to 1
override FIVES: u32; // 0 to 4
override WORKGROUP: u32; // 1 to 256

var<workgroup> z: array<vec2<f32>, HALF>; // at most 16 KiB: N_FFT up to 4096

fn radix(stage: u32) -> u32 {
  return select(select(5u, 2u, stage < FOURS + TWOS), 4u, stage < FOURS);
}

// Where element n of the input stands in digit-reversed order.
fn reversed(n: u32) -> u32 {
  var rest = n;
  var length = HALF;
  var place = 0u;
  for (var stage = FOURS + TWOS + FIVES; stage > 0u; stage--) {
    let r = radix(stage - 1u);
    length /= r;
    place += (rest % r) * length;
    rest /= r;
  }
  return place;
}

// One butterfly: r values `step` apart, from `first` on, times their twiddles, then an r-point DFT.
fn butterfly(r: u32, first: u32, step: u32, turn: u32) {
  let a = z[first];
  let b = multiply(z[first + step], twiddle[turn]);
  if (r == 2u) {
    z[first] = a + b;
    z[first + step] = a - b;
    return;
  }
  let c = multiply(z[first + 2u * step], twiddle[2u * turn]);
  let d = multiply(z[first + 3u * step], twiddle[3u * turn]);
  if (r == 4u) {
    let even = a + c;
    let odd = a - c;
    let sum = b + d;
    let turned = times_minus_i(b - d);
    z[first] = even + sum;
    z[first + step] = odd + turned;
    z[first + 2u * step] = even - sum;
    z[first + 3u * step] = odd - turned;
    return;
  }
  let e = multiply(z[first + 4u * step], twiddle[4u * turn]);
  let outer = b + e;
  let inner = c + d;
  let outer_turned = times_minus_i(b - e);
  let inner_turned = times_minus_i(c - d);
  // cosines and sines of 2 pi / 5 and 4 pi / 5
  let p = a + 0.30901699437494745 * outer - 0.8090169943749475 * inner;
  let q = a - 0.8090169943749475 * outer + 0.30901699437494745 * inner;
  let s = 0.9510565162951535 * outer_turned + 0.5877852522924731 * inner_turned;
  let t = 0.5877852522924731 * outer_turned - 0.9510565162951535 * inner_turned;
  z[first] = a + outer + inner;
  z[first + step] = p + s;
  z[first + 2u * step] = q + t;
  z[first + 3u * step] = q - t;
  z[first + 4u * step] = p - s;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let frame = group.y * groups.x + group.x;
  if (frame >= CLIPS * FRAMES) {
    return;
  }
  let start = (frame / FRAMES) * LENGTH + (frame % FRAMES) * HOP;
  for (var n = lane; n < HALF; n += WORKGROUP) {
    let at = start + 2u * n;
    z[reversed(n)] = vec2<f32>(samples[at] * window[2u * n], samples[at + 1u] * window[2u * n + 1u]);
  }
  var length = 1u;
  for (var stage = 0u; stage < FOURS + TWOS + FIVES; stage++) {
    workgroupBarrier();
    let r = radix(stage);
    for (var b = lane; b < HALF / r; b += WORKGROUP) {
      let j = b % length;
      butterfly(r, (b / length) * length * r + j, length, j * (N_FFT / (length * r)));
    }
    length *= r;
  }
  workgroupBarrier();
  // Untangle the two interleaved real transforms.
  for (var k = lane; k <= HALF; k += WORKGROUP) {
    let a = z[k % HALF];
    let b = conjugate(z[(HALF - k) % HALF]);
    let x = 0.5 * (a + b) + multiply(twiddle[k], times_minus_i(0.5 * (a - b)));
    power[frame * (HALF + 1u) + k] = dot(x, x);
  }
}
