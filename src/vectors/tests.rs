use ndarray::{Array1, Array2};
use ndarray_npy::{NpzReader, NpzWriter};

use super::*;

const ROWS: [(&str, [f64; 2]); 3] = [
    ("a/é 𝄞.wav", [0.0, 3.0]),
    ("b.wav", [0.5, 3.5]),
    ("a/é 𝄞.wav", [1.5, 4.5]),
];

const VALUES: [f32; 6] = [1.0, -2.5, 3.0, f32::MIN_POSITIVE, 0.0, 1e30];

fn told(bytes: Vec<u8>) -> String {
    read(Cursor::new(bytes)).unwrap_err()
}

#[test]
fn what_is_written_is_read_again() {
    let found = read(Cursor::new(npz(&ROWS, 2, &VALUES).unwrap())).unwrap();
    assert_eq!(found.paths, ["a/é 𝄞.wav", "b.wav"]);
    assert_eq!((found.width, &found.values[..]), (2, &VALUES[..]));
    for (row, (path, times)) in found.rows.iter().zip(ROWS) {
        assert_eq!(found.paths[row.path], path);
        assert_eq!([row.start_s, row.end_s], times);
    }
    assert_eq!(found.vector(1), [3.0, f32::MIN_POSITIVE]);
}

#[test]
fn a_unicode_array_is_laid_out_as_numpy_lays_it_out() {
    let bytes = npz(&[("é", [0.0, 1.0]), ("abc", [0.0, 1.0])], 1, &[0.0; 2]).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut member = Vec::new();
    let mut file = archive.by_name("path.npy").unwrap();
    file.read_to_end(&mut member).unwrap();
    // As numpy.save(file, numpy.array(["é", "abc"])) writes it.
    let mut numpy = b"\x93NUMPY\x01\0\x76\0".to_vec();
    let header = "{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }";
    numpy.extend(format!("{header:<117}\n").bytes());
    for code in [0xe9u32, 0, 0, 0x61, 0x62, 0x63] {
        numpy.extend(code.to_le_bytes());
    }
    assert_eq!(numpy.len() % 64, 24);
    // Their headers may be of different lengths, both multiples of 64.
    let content = |npy: &[u8]| {
        let length = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
        assert!(length.is_multiple_of(64));
        let text = String::from_utf8(npy[10..length].to_vec()).unwrap();
        (text.trim_end().to_owned(), npy[length..].to_vec())
    };
    assert_eq!(content(&member), content(&numpy));
    // Another reader finds the other arrays.
    drop(file);
    let mut arrays = NpzReader::new(Cursor::new(&bytes)).unwrap();
    let ends: Array1<f64> = arrays.by_name("end_s").unwrap();
    assert_eq!(ends.to_vec(), [1.0, 1.0]);
}

/// A file by another writer, with the paths of this one's.
fn foreign(
    vectors: &Array2<f64>,
    starts: &Array1<f32>,
    ends: &Array1<f64>,
    stored: bool,
) -> Vec<u8> {
    let mut other = match stored {
        true => NpzWriter::new(Cursor::new(Vec::new())),
        false => NpzWriter::new_compressed(Cursor::new(Vec::new())),
    };
    other.add_array("embedding", vectors).unwrap();
    other.add_array("start_s", starts).unwrap();
    other.add_array("end_s", ends).unwrap();
    let bytes = other.finish().unwrap().into_inner();
    let mut archive = ZipWriter::new_append(Cursor::new(bytes)).unwrap();
    let mut own = ZipArchive::new(Cursor::new(npz(&ROWS, 2, &VALUES).unwrap())).unwrap();
    archive
        .raw_copy_file(own.by_name("path.npy").unwrap())
        .unwrap();
    archive.finish().unwrap().into_inner()
}

fn arrays() -> (Array2<f64>, Array1<f32>, Array1<f64>) {
    let vectors = Array2::from_shape_vec((3, 2), VALUES.map(f64::from).to_vec()).unwrap();
    let starts = ROWS.iter().map(|(_, [start, _])| *start as f32);
    let ends = ROWS.iter().map(|(_, [_, end])| *end);
    (vectors, starts.collect(), ends.collect())
}

#[test]
fn another_writers_file_is_read_stored_or_compressed_in_either_precision() {
    let (vectors, starts, ends) = arrays();
    for stored in [true, false] {
        let bytes = foreign(&vectors, &starts, &ends, stored);
        let found = read(Cursor::new(bytes)).unwrap();
        assert_eq!(found.values, VALUES);
        assert_eq!(found.rows[2].start_s, 1.5);
    }
}

#[test]
fn every_fault_is_told_by_the_array_and_with_what_to_do() {
    let (vectors, starts, ends) = arrays();
    let file = |vectors: &Array2<f64>, starts: &Array1<f32>, ends: &Array1<f64>| {
        told(foreign(vectors, starts, ends, true))
    };
    let two = ends.slice(ndarray::s![..2]).to_owned();
    let said = file(&vectors, &starts, &two);
    assert!(
        said.contains("array end_s has 2 rows and embedding has 3"),
        "{said}"
    );
    let mut lost = vectors.clone();
    lost[[1, 1]] = 1e300;
    let said = file(&lost, &starts, &ends);
    assert!(
        said.contains("row 1, of \"b.wav\"") && said.contains("not finite"),
        "{said}"
    );
    for bad in [f64::NAN, f64::INFINITY, -1.0, 0.5] {
        let mut ends = ends.clone();
        ends[1] = bad;
        let said = file(&vectors, &starts, &ends);
        assert!(
            said.contains("row 1, of \"b.wav\", goes from 0.5"),
            "{said}"
        );
    }
    let none = Array2::zeros((0, 2));
    let said = file(&none, &Array1::zeros(0), &Array1::zeros(0));
    assert!(said.contains("holds no vector"), "{said}");
    let columns = Array2::from_shape_vec((2, 3), VALUES.map(f64::from).to_vec()).unwrap();
    let said = file(&columns.reversed_axes(), &starts, &ends);
    assert!(said.contains("ascontiguousarray"), "{said}");
    let mut lacking = NpzWriter::new(Cursor::new(Vec::new()));
    lacking.add_array("embedding", &vectors).unwrap();
    let said = told(lacking.finish().unwrap().into_inner());
    assert!(said.contains("has no array start_s"), "{said}");
    let mut whole = NpzWriter::new(Cursor::new(Vec::new()));
    whole
        .add_array("embedding", &Array2::<i64>::zeros((3, 2)))
        .unwrap();
    let said = told(whole.finish().unwrap().into_inner());
    assert!(said.contains("<i8") && said.contains("astype"), "{said}");
    let said = told(b"path,label\n".to_vec());
    assert!(
        said.contains("is no .npz file") && said.contains("gamaka embed"),
        "{said}"
    );
    assert!(npz(&ROWS, 3, &VALUES).is_err());
}
