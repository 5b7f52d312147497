// The shape of a convolution, and where its taps lie. Output position (n,oh,ow) and tap (kh,kw) meet the
// input at ih = oh*STRIDE_H + kh - PAD_H, iw alike.

override N: u32;
override CI: u32;
override IN_H: u32;
override IN_W: u32;
override CO: u32; // 1 to CO_PAD
override CO_PAD: u32; // 4 or more: CO rounded up to a multiple of 4
override OUT_H: u32;
override OUT_W: u32;
override KERNEL_H: u32;
override KERNEL_W: u32;
override STRIDE_H: u32; // 1 to 65535
override STRIDE_W: u32; // 1 to 65535
override PAD_H: u32; // 0 or more
override PAD_W: u32; // 0 or more

// Output position p of N*OUT_H*OUT_W: its image, its place within the image's outputs, and the row and
// column of the input that its first tap meets.
struct OutputPlace {
  n: u32,
  r: u32,
  top: i32,
  left: i32,
}

fn output_place(p: u32) -> OutputPlace {
  let r = p % (OUT_H * OUT_W);
  let top = i32((r / OUT_W) * STRIDE_H) - i32(PAD_H);
  let left = i32((r % OUT_W) * STRIDE_W) - i32(PAD_W);
  return OutputPlace(p / (OUT_H * OUT_W), r, top, left);
}

// Whether a tap meets the input, and not its padding.
fn in_image(ih: i32, iw: i32) -> bool {
  return ih >= 0 && iw >= 0 && ih < i32(IN_H) && iw < i32(IN_W);
}
