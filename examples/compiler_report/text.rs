//! What RADV prints of a kernel that it compiles (`RADV_DEBUG=shaders,shaderstats`), as numbers. Mesa 22.3 and 25.0 print alike.

use std::collections::HashMap;

use serde::Serialize;

/// Instructions of a stretch of code. Waits, hints and delays are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Mix {
    /// Multiply-adds of floats.
    pub(crate) fma: usize,
    /// Other vector arithmetic.
    pub(crate) valu: usize,
    /// Of these, moves between a lane and a scalar: what spilled scalars cost.
    pub(crate) lane_moves: usize,
    /// Scalar arithmetic, and branches.
    pub(crate) salu: usize,
    /// Scalar loads.
    pub(crate) smem: usize,
    /// Workgroup memory.
    pub(crate) lds: usize,
    /// Vector loads and stores.
    pub(crate) vmem: usize,
    /// What indexes registers by a number that is not known, or keeps arrays in memory.
    pub(crate) indexed: usize,
}

impl Mix {
    fn add(&mut self, instruction: &str) {
        let is = |starts: &[&str]| starts.iter().any(|start| instruction.starts_with(start));
        if is(&["v_movrel", "s_movrel", "s_set_gpr_idx", "scratch_"]) {
            self.indexed += 1;
        }
        if is(&[
            "v_fma_",
            "v_fmac_",
            "v_fmaak_",
            "v_fmamk_",
            "v_mad_f",
            "v_mac_f",
            "v_pk_fma_",
            "v_dual_fma",
        ]) {
            self.fma += 1;
        } else if is(&["v_"]) {
            self.valu += 1;
            self.lane_moves += usize::from(is(&["v_readlane", "v_writelane"]));
        } else if is(&["s_load", "s_buffer_load"]) {
            self.smem += 1;
        } else if is(&[
            "s_waitcnt",
            "s_nop",
            "s_delay",
            "s_clause",
            "s_inst_prefetch",
            "s_set_inst_prefetch",
            "s_sendmsg",
            "s_endpgm",
            "s_code_end",
        ]) {
        } else if is(&["s_"]) {
            self.salu += 1;
        } else if is(&["ds_"]) {
            self.lds += 1;
        } else if is(&[
            "buffer_", "global_", "flat_", "tbuffer_", "image_", "scratch_",
        ]) {
            self.vmem += 1;
        }
    }

    /// The share of multiply-adds in all vector arithmetic.
    pub(crate) fn fma_share(&self) -> Option<f64> {
        (self.fma > 0).then(|| self.fma as f64 / (self.fma + self.valu) as f64)
    }
}

/// A compiled kernel.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Compiled {
    /// Registers of a lane.
    pub(crate) vgprs: usize,
    /// Registers of a wave, as far as they are not granted by the hardware anyway: those before allocation.
    pub(crate) sgprs: usize,
    pub(crate) spilled_vgprs: usize,
    pub(crate) spilled_sgprs: usize,
    /// Bytes of memory a lane for what no register holds.
    pub(crate) scratch: usize,
    /// Bytes of workgroup memory.
    pub(crate) lds: usize,
    /// Waves that a SIMD holds.
    pub(crate) waves: usize,
    /// Bytes of code.
    pub(crate) code: usize,
    /// All of it.
    pub(crate) whole: Mix,
    /// The innermost loop with the most multiply-adds; without a loop all of it.
    pub(crate) hot: Mix,
}

/// Reads what was printed of one kernel.
///
/// # Errors
/// What is missing.
pub(crate) fn read(text: &str) -> Result<Compiled, String> {
    let statistic = |name: &str| {
        let line = text.lines().rev().find_map(|line| {
            let value = line.trim().strip_prefix(name)?.strip_prefix(':')?;
            value.trim().parse().ok()
        });
        line.ok_or_else(|| format!("no line `{name}:` with a number"))
    };
    let (whole, hot) = mixes(&instructions(text)?);
    Ok(Compiled {
        vgprs: statistic("VGPRs")?,
        sgprs: statistic("Pre-Sched SGPRs").or_else(|_| statistic("SGPRs"))?,
        spilled_vgprs: statistic("Spilled VGPRs")?,
        spilled_sgprs: statistic("Spilled SGPRs")?,
        scratch: statistic("Scratch size")?,
        lds: statistic("LDS size")?,
        waves: statistic("Subgroups per SIMD")?,
        code: statistic("Code size")?,
        whole,
        hot,
    })
}

#[derive(Clone, Copy)]
enum Line<'a> {
    Label(&'a str),
    /// Its name, and the label that it jumps to if it is a jump.
    Instruction(&'a str, Option<&'a str>),
}

/// The last listing: labels alone in a line, instructions with their bytes behind a semicolon.
fn instructions(text: &str) -> Result<Vec<Line<'_>>, String> {
    let (_, listing) = text.rsplit_once("disasm:").ok_or("no disassembly")?;
    let lines = listing.lines().skip(1).map(str::trim_end);
    let lines = lines.take_while(|line| !line.is_empty());
    let mut read = Vec::new();
    for line in lines {
        if let Some(label) = line.strip_suffix(':') {
            read.push(Line::Label(label));
            continue;
        }
        if let Some(times) = line.trim().strip_prefix("(then repeated ") {
            let times = times.split(' ').next().and_then(|n| n.parse().ok());
            let again = *read.last().ok_or("nothing to repeat")?;
            read.extend(std::iter::repeat_n(again, times.ok_or("how often?")?));
            continue;
        }
        let (code, _) = line.split_once(';').unwrap_or((line, ""));
        // Two instructions may be issued as one.
        for single in code.split("::") {
            let mut words = single.split_whitespace();
            let Some(name) = words.next() else {
                continue;
            };
            let jumps = name.starts_with("s_branch") || name.starts_with("s_cbranch");
            read.push(Line::Instruction(name, words.last().filter(|_| jumps)));
        }
    }
    if read.is_empty() {
        return Err("an empty disassembly".to_string());
    }
    Ok(read)
}

fn mixes(lines: &[Line]) -> (Mix, Mix) {
    let mix = |lines: &[Line]| {
        let mut mix = Mix::default();
        for line in lines {
            if let Line::Instruction(name, _) = line {
                mix.add(name);
            }
        }
        mix
    };
    // A loop is what lies between a label and the last jump back to it.
    let mut labels = HashMap::new();
    let mut loops: HashMap<usize, usize> = HashMap::new();
    for (place, line) in lines.iter().enumerate() {
        match line {
            Line::Label(label) => {
                labels.insert(*label, place);
            }
            Line::Instruction(_, Some(to)) => {
                if let Some(&first) = labels.get(to) {
                    loops.insert(first, place);
                }
            }
            Line::Instruction(..) => {}
        }
    }
    let innermost = loops
        .iter()
        .filter(|&(&first, &last)| !loops.keys().any(|&other| first < other && other <= last));
    let hot = innermost
        .map(|(&first, &last)| (mix(&lines[first..=last]), first))
        .max_by_key(|(mix, first)| (mix.fma, mix.valu, *first));
    let whole = mix(lines);
    (whole, hot.map_or(whole, |(mix, _)| mix))
}
