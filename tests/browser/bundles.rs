//! Bundles that someone has changed, in a browser: nothing of them is believed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::runtime::{bundle, module, tiny};
use crate::site::Site;
use crate::{WINDOW, started};

type Files = BTreeMap<String, Vec<u8>>;

const MANIFEST: &str = "bundle.json";
const PLAN: &str = "plans/embed-software.json";
const TENSORS: &str = "tensors.safetensors";

/// Changes a JSON file of a bundle.
fn change(files: &mut Files, name: &str, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&files[name]).unwrap();
    change(&mut value);
    files.insert(name.into(), serde_json::to_vec(&value).unwrap());
}

/// Changes the header of the tensors.
fn change_header(files: &mut Files, change: impl FnOnce(&mut Value)) {
    let (length, rest) = files[TENSORS].split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap());
    let (header, content) = rest.split_at(length as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    change(&mut header);
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes();
    let changed = [&length, header.as_slice(), content].concat();
    files.insert(TENSORS.into(), changed);
}

/// Lists the files as they are now.
fn seal(files: &mut Files) {
    let listed = files.clone();
    change(files, MANIFEST, |manifest| {
        for (name, entry) in manifest["files"].as_object_mut().unwrap() {
            if let Some(bytes) = listed.get(name) {
                let hash = blake3::hash(bytes).to_hex().to_string();
                *entry = json!({"bytes": bytes.len(), "hash": hash});
            }
        }
    });
}

/// A change of a sealed bundle that is sealed again, and what is said of it.
struct Case {
    change: fn(&mut Files),
    sealed: bool,
    told: &'static str,
}

const fn sealed(told: &'static str, change: fn(&mut Files)) -> Case {
    Case {
        change,
        sealed: true,
        told,
    }
}

const fn unsealed(told: &'static str, change: fn(&mut Files)) -> Case {
    Case {
        change,
        sealed: false,
        told,
    }
}

/// Changes the plan.
fn plan(files: &mut Files, change_plan: impl FnOnce(&mut Value)) {
    change(files, PLAN, change_plan);
}

fn manifest(files: &mut Files, change_manifest: impl FnOnce(&mut Value)) {
    change(files, MANIFEST, change_manifest);
}

/// The plan's first tensor in a buffer of this role.
fn tensor_of(plan: &Value, role: &str) -> usize {
    let tensors = plan["tensors"].as_array().unwrap();
    let of_role = |tensor: &Value| {
        let buffer = tensor["buffer"].as_u64().unwrap() as usize;
        plan["buffers"][buffer]["role"] == role
    };
    tensors.iter().position(of_role).unwrap()
}

const CASES: &[Case] = &[
    // The listing.
    unsealed("its content is not what it was", |files| {
        files.get_mut(TENSORS).unwrap()[4000] ^= 1;
    }),
    unsealed("instead of", |files| {
        files.get_mut(PLAN).unwrap().pop();
    }),
    unsealed("it has more than", |files| {
        files.get_mut(PLAN).unwrap().push(b' ');
    }),
    unsealed(
        "could not be fetched (plans/embed-software.json: answer 404)",
        |files| {
            files.remove(PLAN);
        },
    ),
    unsealed("could not be fetched (bundle.json: answer 404)", |files| {
        files.remove(MANIFEST);
    }),
    unsealed("it is no JSON", |files| {
        files.insert(MANIFEST.into(), b"{\"kind\": ".to_vec());
    }),
    unsealed("it is no JSON", |files| {
        files.insert(MANIFEST.into(), b"\"\xff\"".to_vec());
    }),
    unsealed("should be an object", |files| {
        files.insert(MANIFEST.into(), b"[]".to_vec());
    }),
    unsealed("it has more than 4194304 bytes", |files| {
        files.insert(MANIFEST.into(), vec![b' '; (4 << 20) + 1]);
    }),
    sealed("it is no bundle of gamaka", |files| {
        manifest(files, |m| m["kind"] = "something else".into());
    }),
    sealed("exported by a newer gamaka (9.9)", |files| {
        manifest(files, |m| {
            m["version"] = 2.into();
            m["gamaka"] = "9.9".into();
        });
    }),
    sealed("version 0 is unknown", |files| {
        manifest(files, |m| m["version"] = 0.into());
    }),
    unsealed("should be a whole number from 0 to 536870912", |files| {
        manifest(files, |m| m["files"][TENSORS]["bytes"] = 1e15.into());
    }),
    unsealed("its files have", |files| {
        manifest(files, |m| {
            m["files"][TENSORS]["bytes"] = (1 << 29).into();
        });
    }),
    unsealed("is no path of a file", |files| {
        manifest(files, |m| {
            m["files"]["../../secret"] = json!({"bytes": 1, "hash": ""});
        });
    }),
    unsealed("is no path of a file", |files| {
        manifest(files, |m| {
            m["files"]["https://elsewhere"] = json!({"bytes": 1, "hash": ""});
        });
    }),
    sealed("tensors.safetensors is missing", |files| {
        files.remove(TENSORS);
        manifest(files, |m| {
            m["files"].as_object_mut().unwrap().remove(TENSORS);
        });
    }),
    sealed("model.hash is no hash", |files| {
        manifest(files, |m| m["model"]["hash"] = "abc".into());
    }),
    sealed("hearing.hop_length should be a whole number", |files| {
        manifest(files, |m| m["hearing"]["hop_length"] = 0.into());
    }),
    sealed("hearing.band_hz should have", |files| {
        manifest(files, |m| m["hearing"]["band_hz"] = json!([1.0]));
    }),
    // Tensors.
    sealed("its header is longer than the file", |files| {
        files.get_mut(TENSORS).unwrap()[..8].fill(0xff);
    }),
    sealed("it has no header", |files| {
        files.insert(TENSORS.into(), vec![1, 2, 3]);
    }),
    sealed("embed.parameters is missing", |files| {
        change_header(files, |header| {
            let taken = header.as_object_mut().unwrap().remove("embed.parameters");
            header["other"] = taken.unwrap();
        });
    }),
    sealed("is not as long as its shape", |files| {
        change_header(files, |header| {
            header["embed.parameters"]["shape"] = json!([1u64 << 40, 1u64 << 40]);
        });
    }),
    sealed("embed.parameters.dtype should be one of", |files| {
        change_header(files, |header| {
            header["embed.parameters"]["dtype"] = "F16".into();
        });
    }),
    sealed("it has bytes that are of no tensor", |files| {
        files.get_mut(TENSORS).unwrap().extend([0; 4]);
    }),
    // Plans.
    sealed("does not fit its buffer", |files| {
        plan(files, |p| p["tensors"][1]["shape"][3] = (1 << 20).into());
    }),
    sealed("does not fit its buffer", |files| {
        plan(files, |p| p["tensors"][1]["buffer"] = 9999.into());
    }),
    sealed("does not fit its buffer", |files| {
        plan(files, |p| p["tensors"][1]["offset"] = 4.into());
    }),
    sealed("does not fit its buffer", |files| {
        let huge = 1 << 28;
        plan(files, |p| {
            p["tensors"][1]["shape"] = json!([huge, huge, huge, huge])
        });
    }),
    sealed(
        "buffers[0].bytes should be a whole number from 0 to 268435456",
        |files| {
            plan(files, |p| p["buffers"][0]["bytes"] = (1u64 << 40).into());
        },
    ),
    sealed("its buffers have", |files| {
        plan(files, |p| {
            let large = json!({"label": "large", "bytes": 1 << 28, "role": "scratch"});
            p["buffers"].as_array_mut().unwrap().extend(vec![large; 8]);
        });
    }),
    sealed(
        "port embedding is to nothing that may be written or read",
        |files| {
            plan(files, |p| {
                let scratch = tensor_of(p, "scratch");
                p["ports"]["embedding"] = scratch.into();
            });
        },
    ),
    sealed("port samples is to nothing", |files| {
        plan(files, |p| p["ports"]["samples"] = 123_456.into());
    }),
    sealed("has no values", |files| {
        plan(files, |p| {
            p["constants"].as_array_mut().unwrap().pop();
        });
    }),
    sealed("has no buffer of its own", |files| {
        plan(files, |p| {
            let again = p["constants"][0].clone();
            p["constants"].as_array_mut().unwrap().push(again);
        });
    }),
    sealed("kernel nobody is not among its kernels", |files| {
        plan(files, |p| p["steps"][0]["kernel"] = "nobody".into());
    }),
    sealed(
        "shader mel/none.wgsl of kernel log_compress is missing",
        |files| {
            plan(files, |p| {
                p["kernels"]["log_compress"] = json!(["mel/none.wgsl"])
            });
        },
    ),
    sealed("which does not exist", |files| {
        plan(files, |p| p["steps"][0]["bindings"][0] = 123_456.into());
    }),
    sealed("has 9 bindings", |files| {
        plan(files, |p| {
            p["steps"][0]["bindings"] = json!([0, 0, 0, 0, 0, 0, 0, 0, 0])
        });
    }),
    sealed("should be a whole number from 1 to 65535", |files| {
        plan(files, |p| p["steps"][0]["workgroups"][0] = 65_536.into());
    }),
    sealed("should be a whole number from 1 to 65535", |files| {
        plan(files, |p| p["steps"][0]["workgroups"][0] = 0.into());
    }),
    sealed("should be a number", |files| {
        plan(files, |p| p["steps"][0]["overrides"][0][1] = "many".into());
    }),
    sealed("is given a constant twice", |files| {
        plan(files, |p| {
            let again = p["steps"][0]["overrides"][0].clone();
            p["steps"][0]["overrides"]
                .as_array_mut()
                .unwrap()
                .push(again);
        });
    }),
    sealed("it has no port secret", |files| {
        manifest(files, |m| {
            m["plans"][0]["initial"]["secret"] = "embed.parameters".into()
        });
    }),
];

#[test]
fn whatever_is_wrong_with_a_bundle_is_told() {
    let good = bundle(&tiny());
    let mut all = module();
    for (number, case) in CASES.iter().enumerate() {
        let mut files = good.clone();
        (case.change)(&mut files);
        if case.sealed {
            seal(&mut files);
        }
        let files = files.into_iter();
        all.extend(files.map(|(name, bytes)| (format!("bad/{number}/{name}"), bytes)));
    }
    let files = good.into_iter();
    all.extend(files.map(|(name, bytes)| (format!("good/{name}"), bytes)));
    let Some(mut browser) = started() else {
        return;
    };
    browser.visit(Site::new(all).url(), WINDOW, "light");
    let told = browser.says(&format!(
        "(async () => {{
            const {{ openBundle, PlainError }} = await import('/gamaka.js');
            const open = (folder) => openBundle(folder).then(
                (bundle) => bundle.manifest.model.name,
                (error) => error instanceof PlainError ? error.message : 'not in plain words: ' + error.stack);
            const told = [await open('good')];
            for (let k = 0; k < {}; k += 1) told.push(await open('bad/' + k + '/'));
            return told;
        }})()",
        CASES.len()
    ));
    assert_eq!(told[0], tiny().network.spec.name);
    for (number, case) in CASES.iter().enumerate() {
        let told = told[number + 1].as_str().unwrap();
        assert!(
            told.contains(case.told),
            "{number}: {told}\nnot: {}",
            case.told
        );
    }
}
