//! What a compiler for AMD cards makes of the kernels (examples/compiler_report), and that what it says is read rightly.

use std::io::Write;
use std::process::Command;

use gamaka::gpu::Step;

#[allow(dead_code, reason = "its own main is not called")]
#[path = "../../examples/compiler_report/main.rs"]
mod compiler_report;

use compiler_report::report::{self, CARDS};
use compiler_report::text::{self, Mix};

/// Few of the kernels: those of the second layer of splines.
fn few() -> Vec<Step> {
    let (mut steps, _) = report::kernels(false);
    steps.retain(|step| step.kernel.contains("conv") && step.operation.contains(" 12->24"));
    steps
}

#[test]
fn loops_of_convolutions_are_unrolled_and_nothing_is_spilled() {
    let Some(radv) = report::radv() else {
        println!("passed over: no RADV here");
        return;
    };
    let steps = few();
    assert!(steps.len() >= 6, "{}", steps.len());
    let child = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "compiler::few_are_compiled", "--ignored"]);
        child
    };
    for card in CARDS {
        let card = match report::ask(card, &radv, child, &steps, steps.len()) {
            // Since Mesa 26 it wants the card.
            Err(error) if error.contains("has no adapter") => {
                println!("passed over: {error}");
                return;
            }
            card => card.unwrap(),
        };
        assert_eq!(card.faults(), Vec::<String>::new());
        let table = report::table(&[card]);
        assert!(
            table.contains("| kan_conv_forward 12->24 @ 32x64"),
            "{table}"
        );
    }
}

/// The process whose standard error the driver writes to.
#[test]
#[ignore = "the other test runs it"]
fn few_are_compiled() {
    if let Err(error) = report::compile(&few()) {
        std::io::stderr().write_all(error.as_bytes()).unwrap();
        std::process::exit(1);
    }
}

/// A child that says this on the standard error, and ends so.
fn saying(words: &str, code: i32) -> impl Fn() -> Command {
    move || {
        let mut shell = Command::new("sh");
        let script = format!("printf '%s' \"$0\" >&2; exit {code}");
        shell.args(["-c", &script, words]);
        shell
    }
}

const OLD: &str = include_str!("../fixtures/radv/mesa-22.3.6-navi21.txt");
const NEW: &str = include_str!("../fixtures/radv/mesa-25.0.7-navi31.txt");

#[test]
fn what_is_wrong_with_a_kernel_is_told() {
    let steps = &few()[..1];
    let said = |text: &str| format!("\n@@ adapter RADV NAVI21, Mesa 1\n\n@@ kernel 0\n{text}");
    let faults = |text: &str| {
        let card = report::ask(CARDS[0], "radv.json", saying(&said(text), 0), steps, 1).unwrap();
        card.faults().join("\n")
    };
    let sound = faults(OLD);
    assert!(sound.contains("RDNA2: kan_conv_forward 12->24"), "{sound}");
    assert!(sound.contains("was not unrolled"), "{sound}");
    assert_eq!(sound.lines().count(), 1, "{sound}");
    for (from, to, words) in [
        (
            "Spilled VGPRs: 0",
            "Spilled VGPRs: 7",
            "7 vector registers were spilled",
        ),
        (
            "Scratch size: 0",
            "Scratch size: 64",
            "64 bytes a lane lie in memory",
        ),
        ("v_add_f32", "v_movrels_b32", "indexed by what is not known"),
        ("v_add_f32", "v_readlane_b32", "1 moves of spilled scalars"),
    ] {
        let changed = OLD.replace(from, to);
        assert_ne!(changed, OLD);
        let told = faults(&changed);
        assert!(told.contains(words) && told.lines().count() == 2, "{told}");
    }
}

#[test]
fn a_compiler_that_fails_or_is_another_is_told_from_radv() {
    let steps = &few()[..1];
    let error = |words: &str, code| {
        report::ask(CARDS[1], "other.json", saying(words, code), steps, 1).unwrap_err()
    };
    let other = error("\n@@ adapter llvmpipe, Mesa 22.3.6\n\n@@ kernel 0\n", 0);
    assert!(
        other.contains("llvmpipe, Mesa 22.3.6 is not RADV"),
        "{other}"
    );
    let unknown = error("radv: Unknown family: gfx1100\n", 134);
    assert!(
        unknown.contains("other.json") && unknown.contains("Unknown family"),
        "{unknown}"
    );
    let short = error("\n@@ adapter RADV, Mesa 22.3.6\n", 0);
    assert!(short.contains("0 of 1 kernels"), "{short}");
}

/// `grad_norm`, whose loop has one multiply-add.
#[test]
fn the_words_of_two_versions_of_mesa_are_read() {
    for (said, registers) in [(OLD, [8, 9]), (NEW, [12, 8])] {
        let read = text::read(said).unwrap();
        assert_eq!([read.vgprs, read.sgprs], registers);
        assert_eq!(read.waves, 32);
        assert_eq!(
            [read.spilled_vgprs, read.spilled_sgprs, read.scratch],
            [0; 3]
        );
        assert_eq!((read.hot.fma, read.hot.vmem, read.hot.smem), (1, 1, 1));
        assert_eq!((read.whole.fma, read.whole.vmem), (1, 2));
        assert!(read.hot.valu < read.whole.valu);
    }
}

/// Statistics of a kernel with this code.
fn compiled(code: &str) -> text::Compiled {
    let numbers = "SGPRs: 128\nVGPRs: 24\nSpilled SGPRs: 3\nSpilled VGPRs: 2\nCode size: 8\nLDS size: 512\nScratch size: 16\nSubgroups per SIMD: 9\n";
    let text = format!(
        "NIR:\ndisasm:\nBB0:\n\ts_nop 0 ; 00\n\ndisasm:\n{code}\n\n*** SHADER STATS ***\n{numbers}"
    );
    text::read(&text).unwrap()
}

#[test]
fn the_innermost_loop_with_the_most_multiply_adds_is_the_hot_one() {
    let read = compiled(
        "BB0:\n\
         \tv_mov_b32_e32 v1, 0                     ; 7e020280\n\
         BB1:\n\
         \tv_fma_f32 v1, v2, v3, v4                ; d54b0001\n\
         BB2:\n\
         \ts_clause 0x1                            ; bfa10001\n\
         \tbuffer_load_dword v4, v5, s[0:3], 0 offen ; e0301000\n\
         \tv_fmac_f32_e32 v1, v2, v3               ; 56020702\n\
         \t(then repeated 3 times)\n\
         \tv_dual_fmac_f32 v1, v2, v3 :: v_dual_mul_f32 v4, v5, v6 ; c8000000 00000000\n\
         \tds_read_b128 v[0:3], v4                 ; dbfc0000\n\
         \ts_cbranch_scc1 BB2                      ; bf850001\n\
         BB3:\n\
         \tv_fmac_f32_e32 v1, v2, v3               ; 56020702\n\
         \ts_cbranch_vccnz BB3                     ; bf870001\n\
         \tv_writelane_b32 v1, s2, 3               ; d7610001\n\
         \ts_branch BB1                            ; bf820001\n\
         BB4:\n\
         \ts_endpgm                                ; bf810000",
    );
    let hot = Mix {
        fma: 5,
        valu: 1,
        salu: 1,
        lds: 1,
        vmem: 1,
        ..Mix::default()
    };
    assert_eq!(read.hot, hot);
    assert_eq!(read.hot.fma_share(), Some(5.0 / 6.0));
    let whole = Mix {
        fma: 7,
        valu: 3,
        lane_moves: 1,
        salu: 3,
        ..hot
    };
    assert_eq!(read.whole, whole);
    let counts = [
        read.spilled_vgprs,
        read.spilled_sgprs,
        read.scratch,
        read.lds,
        read.waves,
    ];
    assert_eq!(counts, [2, 3, 16, 512, 9]);
}

#[test]
fn registers_that_are_indexed_and_memory_for_them_are_seen() {
    for code in [
        "v_movrels_b32_e32 v1, v2",
        "scratch_load_dword v1, off, s0",
        "s_movreld_b32 s1, s2",
    ] {
        let read = compiled(&format!("BB0:\n\t{code} ; 00\n\ts_endpgm ; bf810000"));
        assert_eq!(read.whole.indexed, 1, "{code}");
    }
}

#[test]
fn what_is_missing_is_said() {
    for (gone, words) in [
        ("disasm:", "no disassembly"),
        ("VGPRs: ", "VGPRs"),
        ("Scratch size", "Scratch size"),
    ] {
        let error = text::read(&OLD.replace(gone, "")).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    assert!(
        text::read("disasm:\n\nVGPRs: 1\n")
            .unwrap_err()
            .contains("empty")
    );
}
