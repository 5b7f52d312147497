use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, ListAccessor, Row};

use super::*;

const COLUMNS: [Column; 6] = [
    Column::new("row", Kind::Integer),
    Column::new("path", Kind::Text),
    Column::new("seconds", Kind::Float),
    Column::new("embedding", Kind::Vector(3)),
    Column::new("error", Kind::Text),
    Column::new("unknown", Kind::Truth),
];

const VECTOR: [f32; 3] = [0.1, -2.5, 1e-30];

fn rows() -> [[Value<'static>; 6]; 3] {
    use Value::{Float, Integer, None, Text, Truth, Vector};
    [
        [
            Integer(0),
            Text("a, \"b\"\n\u{e9}.wav"),
            Float(1.0 / 3.0),
            Vector(&VECTOR),
            None,
            Truth(true),
        ],
        [
            Integer(-7),
            Text("c"),
            None,
            None,
            Text("silent"),
            Truth(false),
        ],
        [None, Text(""), Float(2e9), Vector(&[0.0; 3]), None, None],
    ]
}

fn written(path: &Path) -> u64 {
    let format = Format::of(path).unwrap();
    let add = |table: &mut Table| rows().iter().try_for_each(|row| table.add(row));
    write(path, format, &COLUMNS, "{\"model\":\"m\"}", add).unwrap()
}

fn row_of(found: &Row) -> Vec<String> {
    let field = |field: &Field| match field {
        Field::Null => "None".to_owned(),
        Field::Bool(truth) => format!("Truth({truth})"),
        Field::Long(number) => format!("Integer({number:?})"),
        Field::Str(text) => format!("Text({text:?})"),
        Field::Double(number) => format!("Float({number:?})"),
        Field::ListInternal(list) => {
            let values = (0..list.len()).map(|k| list.get_float(k).unwrap());
            format!("Vector({:?})", Vec::from_iter(values))
        }
        other => panic!("{other}"),
    };
    found.get_column_iter().map(|(_, f)| field(f)).collect()
}

fn read(path: &Path) -> (usize, Vec<Vec<String>>) {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let rows = rows.map(|row| row_of(&row.unwrap())).collect();
    (reader.num_row_groups(), rows)
}

#[test]
fn a_parquet_file_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.PARQUET");
    assert_eq!(written(&path), 3);
    let expected = rows().map(|row| Vec::from(row.map(|value| format!("{value:?}"))));
    assert_eq!(read(&path), (1, Vec::from(expected)));
    let about = known(&path).unwrap();
    assert_eq!((about.about.as_str(), about.rows), ("{\"model\":\"m\"}", 3));
}

#[test]
fn text_formats_are_what_other_programs_expect() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, jsonl) = (folder.path().join("t.csv"), folder.path().join("t.jsonl"));
    written(&csv);
    written(&jsonl);
    assert_eq!(
        std::fs::read_to_string(&csv).unwrap(),
        "row,path,seconds,e0,e1,e2,error,unknown\n\
         0,\"a, \"\"b\"\"\n\u{e9}.wav\",0.3333333333333333,0.1,-2.5,0.000000000000000000000000000001,,true\n\
         -7,c,,,,,silent,false\n\
         ,,2000000000,0,0,0,,\n"
    );
    assert_eq!(
        std::fs::read_to_string(&jsonl).unwrap(),
        "{\"row\":0,\"path\":\"a, \\\"b\\\"\\n\u{e9}.wav\",\"seconds\":0.3333333333333333,\"embedding\":[0.1,-2.5,1e-30],\"error\":null,\"unknown\":true}\n\
         {\"row\":-7,\"path\":\"c\",\"seconds\":null,\"embedding\":null,\"error\":\"silent\",\"unknown\":false}\n\
         {\"row\":null,\"path\":\"\",\"seconds\":2000000000.0,\"embedding\":[0.0,0.0,0.0],\"error\":null,\"unknown\":null}\n"
    );
}

#[test]
fn many_rows_go_into_many_row_groups_and_none_into_none() {
    const WIDTH: usize = 512;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let columns = [
        Column::new("row", Kind::Integer),
        Column::new("embedding", Kind::Vector(WIDTH)),
    ];
    let vector = |row: i64| [row as f32; WIDTH];
    let fill = |table: &mut Table, rows: i64| {
        (0..rows).try_for_each(|row| match row % 7 {
            0 => table.add(&[Value::Integer(row), Value::None]),
            _ => table.add(&[Value::Integer(row), Value::Vector(&vector(row))]),
        })
    };
    let write = |rows: i64| write(&path, Format::Parquet, &columns, "", |t| fill(t, rows));
    assert_eq!(write(9000).unwrap(), 9000);
    let (groups, found) = read(&path);
    assert_eq!((groups, found.len()), (2, 9000));
    for (row, found) in (0..).zip(&found) {
        let value = match row % 7 {
            0 => "None".to_owned(),
            _ => format!("Vector({:?})", vector(row)),
        };
        assert_eq!(found, &[format!("Integer({row})"), value]);
    }
    assert_eq!(write(0).unwrap(), 0);
    assert_eq!(read(&path), (0, Vec::new()));
    assert_eq!(known(&path).unwrap().rows, 0);
}

#[test]
fn what_does_not_fit_or_cannot_be_had_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["t.parquet", "t.csv", "t.jsonl"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "old").unwrap();
        let format = Format::of(&path).unwrap();
        let short = [Value::Integer(1)];
        let wide = [Value::None, Value::None, Value::None, Value::Vector(&[1.0])];
        let other = [Value::Text("1"); 6];
        let none = [Value::None; 2];
        for row in [&short[..], &[&wide[..], &none].concat(), &other] {
            let said = write(&path, format, &COLUMNS, "", |table| table.add(row)).unwrap_err();
            assert!(said.to_string().contains("does not fit"), "{said}");
        }
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let said = write(&path, format, &COLUMNS, "", |_| Err(full)).unwrap_err();
        assert!(said.to_string().contains("free some space"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_disk_that_is_full_is_named_as_such_by_every_format() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut full = Full;
    let error = packed::Packed::new(&mut full, &COLUMNS, "").and_then(packed::Packed::finish);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
    let error = lines::Csv::new(&mut full, &COLUMNS).and_then(lines::Csv::finish);
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
    let mut jsonl = lines::Jsonl::new(&mut full);
    let error = jsonl
        .add(&COLUMNS, &rows()[0])
        .and_then(|()| jsonl.finish());
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn only_whole_tables_of_our_own_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    assert!(matches!(known(&path), Err(KnownError::Unreadable { .. })));
    written(&path);
    let bytes = std::fs::read(&path).unwrap();
    for end in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        assert!(matches!(known(&path), Err(KnownError::Damaged(_))), "{end}");
    }
}

#[test]
fn a_format_is_known_by_the_end_of_a_name() {
    for (name, format) in [
        ("a.parquet", Some(Format::Parquet)),
        ("a.b.CSV", Some(Format::Csv)),
        ("a.jsonl", Some(Format::Jsonl)),
        ("parquet", None),
        ("a.json", None),
    ] {
        assert_eq!(Format::of(Path::new(name)), format, "{name}");
    }
}
