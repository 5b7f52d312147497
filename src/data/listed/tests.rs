use super::*;

fn list(name: &str, text: &[u8]) -> Result<Vec<(u64, String)>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let rows = listed(&path, |_| true).map_err(|error| error.to_string())?;
    for row in &rows {
        assert_eq!(row.path, folder.path().join(&row.written));
    }
    Ok(rows.into_iter().map(|row| (row.row, row.written)).collect())
}

#[test]
fn tables_and_plain_lists_name_the_same_files() {
    let two = vec![(0, "a b.wav".to_owned()), (1, "c/d,e.wav".to_owned())];
    for (name, text) in [
        ("m.csv", "path,label\na b.wav,x\n\n\"c/d,e.wav\",y\n"),
        (
            "m.csv",
            "\u{feff}label;PATH\r\nx;a b.wav\r\ny;c/d,e.wav\r\n",
        ),
        ("m.tsv", "label\tpath\nx\ta b.wav\ny\tc/d,e.wav"),
        ("m.txt", "path\na b.wav\n\"c/d,e.wav\"\n"),
        ("m.txt", "a b.wav\nc/d,e.wav\n"),
        ("m", "\u{feff}a b.wav\r\n  \r\nc/d,e.wav"),
    ] {
        assert_eq!(list(name, text.as_bytes()).unwrap(), two, "{name}: {text}");
    }
    // A path given twice has a row each time.
    let twice = list("m.txt", b"a\na\n").unwrap();
    assert_eq!(twice, [(0, "a".into()), (1, "a".into())]);
}

#[test]
fn shards_have_every_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.txt");
    let text: String = (0..23).map(|row| format!("{row}.wav\n\n")).collect();
    std::fs::write(&path, text).unwrap();
    let shard = |of: u64, index: u64| listed(&path, |row| row % of == index).unwrap();
    for of in [1, 2, 5, 30] {
        let mut rows: Vec<Listed> = (0..of).flat_map(|index| shard(of, index)).collect();
        rows.sort_by_key(|row| row.row);
        let names = rows.iter().map(|row| row.written.clone());
        let expected = (0..23).map(|row| format!("{row}.wav"));
        assert!(names.eq(expected), "{of}");
    }
}

#[test]
fn a_list_that_is_none_is_refused_in_a_sentence() {
    let long = [b"a".repeat(LONGEST + 1), b"\n".to_vec()].concat();
    for (name, text, word) in [
        (
            "m.csv",
            &b"a.wav\nb.wav\n"[..],
            "no column is named path (found: a.wav)",
        ),
        ("m.csv", b"", "no column is named path"),
        ("m.csv", b"path,label\n", "names no file"),
        ("m.csv", b"path,label\n,x\n", "line 2: the path is empty"),
        ("m.csv", b"label,path\nx\n", "line 2: the path is empty"),
        (
            "m.csv",
            b"path,label\na,b,c\n",
            "line 2: 3 fields where the header has 2",
        ),
        ("m.csv", b"path,label\n\xff,b\n", "not UTF-8"),
        ("m.txt", b"\n \n", "names no file"),
        ("m.txt", b"", "names no file"),
        ("m.txt", b"a\n\xffb\n", "line 2: the text is not UTF-8"),
        (
            "m.txt",
            b"a\nb\0c\n",
            "line 2: a path of more than 32768 bytes, or with a zero byte",
        ),
        ("m.txt", &long, "line 1: a path of more than"),
    ] {
        let said = list(name, text).unwrap_err();
        assert!(said.contains(word), "{text:?}: {said}");
    }
    let missing = listed(Path::new("no/such/list.csv"), |_| true).unwrap_err();
    assert!(missing.to_string().contains("does not exist"), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    let refused = listed(folder.path(), |_| true).unwrap_err();
    assert!(refused.to_string().contains("cannot be read"), "{refused}");
}
