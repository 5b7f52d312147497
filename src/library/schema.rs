//! The tables of a library, and how those of older versions become those of this one.

/// What marks a SQLite file as a library of gamaka: `gmka`.
pub(super) const APPLICATION: i64 = 0x676d_6b61;

/// What brings the tables from each version to the next, the empty file first. A library of version k has had the first k.
pub(super) const STEPS: &[&str] = &["
    CREATE TABLE folder(path TEXT PRIMARY KEY) WITHOUT ROWID;
    -- The path is NULL for the model that comes with gamaka.
    CREATE TABLE model(
        id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, path TEXT, width INTEGER NOT NULL);
    -- What a model heard of a content, by its BLAKE3 hash. Vectors are little-endian: f32 for the whole, f16 for parts.
    CREATE TABLE heard(
        id INTEGER PRIMARY KEY, hash TEXT NOT NULL, model INTEGER NOT NULL REFERENCES model, seconds REAL NOT NULL,
        embedding BLOB NOT NULL, part_seconds REAL NOT NULL, parts BLOB NOT NULL, UNIQUE(hash, model));
    -- A file has a hash, or a problem. `since` is the number of the scan that found it first.
    CREATE TABLE file(
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, hash TEXT,
        problem TEXT, missing INTEGER NOT NULL DEFAULT 0, since INTEGER NOT NULL DEFAULT 0,
        title TEXT, artist TEXT, album TEXT, genre TEXT);
    CREATE INDEX file_hash ON file(hash);
    CREATE TABLE genre(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE example(
        id INTEGER PRIMARY KEY, genre INTEGER NOT NULL REFERENCES genre ON DELETE CASCADE, path TEXT NOT NULL,
        hash TEXT NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, UNIQUE(genre, hash));
    CREATE INDEX example_hash ON example(hash);
    CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    -- What a run of `tag` changes in a file: `writing`, `written`, `undoing`, `undone`.
    CREATE TABLE tag_change(
        id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at TEXT NOT NULL, path TEXT NOT NULL, hash_before TEXT NOT NULL,
        hash_after TEXT, before TEXT NOT NULL, after TEXT NOT NULL, state TEXT NOT NULL);
"];
