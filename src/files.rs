//! The one way to write. A file is written whole or not at all, through links, and never over what must be kept: audio,
//! what the command reads, what is read-only.

mod folder;
mod hash;

use std::fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempDir};

use crate::audio;

pub use folder::OutputFolder;
pub(crate) use hash::{hash_bytes, hash_of};

/// End of the names of files that are being written.
const PARTIAL: &str = ".partial";

/// Name of the file that says whether the owner of a temporary folder lives: it is locked as long.
const LOCK: &str = "lock";

/// Held while a file is made and takes its name.
static WRITING: Mutex<()> = Mutex::new(());

/// Waits for a file that is being written, and lets no other begin as long as the guard lives: for a process that is
/// about to end.
pub fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that cannot be written, or that is kept from being overwritten.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system refuses.
    #[error("{}: cannot be written ({error}): {}", path.display(), mend(error))]
    System {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// What bears the name is to be kept.
    #[error("{}: is not written, for it is {reason}", path.display())]
    Kept {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: Keep,
    },
}

/// Why a file is not written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Keep {
    /// A song.
    #[error("audio, or named like it: choose another name for the output")]
    Audio,
    /// The command reads it.
    #[error("an input of this command: choose another name for the output")]
    Input,
    /// It has no permission to be written.
    #[error("read-only: choose another name, or make it writable first")]
    ReadOnly,
    /// A model, or other tensors.
    #[error("a model or another safetensors file: choose another name for the output")]
    Model,
    /// A list of files with labels.
    #[error("a manifest: choose another name for the output")]
    Manifest,
    /// A whole disk.
    #[error("a disk: give the name of a file")]
    Disk,
    /// A folder.
    #[error("a folder: give the name of a file")]
    Folder,
    /// A file that stands where a folder is to be.
    #[error("a file: give the name of a folder")]
    File,
    /// Two outputs have the same name.
    #[error("named for two outputs: give each a name of its own")]
    Twice,
    /// Another process is at it.
    #[error(
        "being written by another run of gamaka: wait until that ends, or choose another name for the output"
    )]
    Busy,
    /// A manifest that tells more, or other things, than the one that is to take its place.
    #[error(
        "a manifest with columns, labels or files that the new one has not: move it away, or choose another name"
    )]
    Richer,
    /// It stands where gamaka chooses the names, and is not gamaka's.
    #[error(
        "there already and was not written by gamaka, or was changed since: move it away, or choose another folder"
    )]
    Foreign,
    /// It is there, and not the same.
    #[error("there already with other content: move it away, or choose another place")]
    Other,
}

/// What to do about a file that cannot be written, for the end of a message.
fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose another place or change its permissions"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => {
            "free some space or choose another disk"
        }
        io::ErrorKind::IsADirectory => "give the name of a file, not of a folder",
        io::ErrorKind::InvalidFilename => "choose a shorter name",
        io::ErrorKind::NotADirectory => "a part of the path before the name is a file",
        _ => "check the disk",
    }
}

fn system(path: &Path) -> impl Fn(io::Error) -> WriteError {
    let path = path.to_path_buf();
    move |error| WriteError::System {
        path: path.clone(),
        error,
    }
}

fn keep(path: &Path, reason: Keep) -> WriteError {
    WriteError::Kept {
        path: path.to_path_buf(),
        reason,
    }
}

/// Where the bytes for a name go.
enum Place {
    /// The standard output of this process.
    Stdout,
    /// A pipe, a device, or a file that another process has opened for this one: written as it stands.
    Through,
    /// An ordinary file, there or not, behind all links.
    File(PathBuf),
}

/// Finds out where the bytes for `path` go.
fn place(path: &Path) -> Result<Place, WriteError> {
    if ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(&path.to_str().unwrap_or_default())
    {
        return Ok(Place::Stdout);
    }
    let ends = path.to_string_lossy();
    if ends.ends_with(std::path::is_separator) || ends.ends_with("/.") {
        return Err(keep(path, Keep::Folder));
    }
    let found = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(keep(path, Keep::Folder)),
        Ok(found) if is_disk(&found) => return Err(keep(path, Keep::Disk)),
        Ok(found) if !found.is_file() => return Ok(Place::Through),
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(system(path)(error)),
    };
    let Some(target) = behind_links(path).map_err(system(path))? else {
        return Ok(Place::Through);
    };
    if found.as_ref().is_some_and(|f| f.permissions().readonly()) {
        return Err(keep(path, Keep::ReadOnly));
    }
    if named_like_audio(path)
        || named_like_audio(&target)
        || (found.is_some() && holds_audio(&target))
    {
        return Err(keep(path, Keep::Audio));
    }
    Ok(Place::File(target))
}

#[cfg(unix)]
fn is_disk(found: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&found.file_type())
}

#[cfg(not(unix))]
fn is_disk(_: &Metadata) -> bool {
    false
}

/// Whether an output goes to the standard output of this process.
pub fn is_stdout(path: &Path) -> bool {
    matches!(place(path), Ok(Place::Stdout))
}

/// Whether an output is an ordinary file, there or not: one that has a folder and can be read again.
pub fn is_ordinary(path: &Path) -> bool {
    matches!(place(path), Ok(Place::File(_)))
}

/// What a name stands for when every symbolic link is followed, also to a file that is not there; nothing if it is a file
/// that a process has open.
fn behind_links(path: &Path) -> io::Result<Option<PathBuf>> {
    const MOST: usize = 40;
    let mut at = path.to_path_buf();
    for _ in 0..MOST {
        if at.starts_with("/proc") {
            return Ok(None);
        }
        match fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return Ok(Some(at)),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn named_like_audio(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    audio::EXTENSIONS.iter().any(|known| extension == *known)
}

/// How a file begins; nothing if it cannot be read.
fn start_of(path: &Path) -> Vec<u8> {
    const ENOUGH: u64 = 4096;
    let mut start = Vec::new();
    match File::open(path).and_then(|file| file.take(ENOUGH).read_to_end(&mut start)) {
        Ok(_) => start,
        Err(_) => Vec::new(),
    }
}

/// What only a file of the same kind may take the place of, by what it holds: tensors, and lists of files with labels.
fn kind(path: &Path) -> Option<Keep> {
    let start = start_of(path);
    let length = fs::metadata(path).map_or(0, |found| found.len());
    if let Some((header, b"{")) = start.get(..9).and_then(|s| s.split_first_chunk()) {
        return (u64::from_le_bytes(*header) <= length.saturating_sub(8)).then_some(Keep::Model);
    }
    let text = String::from_utf8_lossy(&start);
    let first = text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .lines()
        .next()?;
    let names = first.split([',', ';', '\t']);
    let names = Vec::from_iter(names.map(|n| n.trim().trim_matches('"').to_lowercase()));
    let has = |column: &str| names.iter().any(|name| name == column);
    (has("path") && has("label")).then_some(Keep::Manifest)
}

/// Whether a file begins as audio does. One that cannot be read is none.
fn holds_audio(path: &Path) -> bool {
    let start = start_of(path);
    // A safetensors file begins with the length of its header, which may look like anything, and the header's brace.
    let model = start.get(7..9) == Some(b"\0{");
    // Core Audio, Matroska, AIFF and AIFC, RF64 and Wave64, MPEG layer II: what the crate does not know, or not from its
    // start alone.
    let more = [
        &b"caff"[..],
        b"\x1a\x45\xdf\xa3",
        b"FORM",
        b"RF64",
        b"BW64",
        b"riff",
        b"\xff\xfd",
        b"\xff\xfc",
    ];
    let audio = infer::is_audio(&start)
        || infer::is_video(&start)
        || more.iter().any(|first| start.starts_with(first));
    audio && !model
}

/// Writes a file, or says in a sentence why not and what to do. An ordinary file is written whole or not at all: to a
/// temporary name in the same folder, then renamed; links stay, and so do the mode and, where allowed, the owner of a file that
/// is replaced. Pipes and devices are written through.
///
/// # Errors
/// [`WriteError`]; the old file, if any, is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], for what need not be in memory at once.
///
/// # Errors
/// [`WriteError`].
pub fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let written = match place(path)? {
        Place::Stdout => fill(&mut io::stdout()).and_then(|()| io::stdout().flush()),
        Place::Through => OpenOptions::new()
            .append(true)
            .open(path)
            .and_then(|mut file| fill(&mut file)),
        Place::File(target) => replace(&target, fill),
    };
    written.map_err(|error| match error.downcast::<Keep>() {
        Ok(reason) => keep(path, reason),
        Err(error) => system(path)(error),
    })
}

/// Writes a file that comes with gamaka, of any kind. One that is there with the same bytes is left alone.
///
/// # Errors
/// [`WriteError`]; also if the file is there with other bytes.
pub fn provide(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    match fs::read(path) {
        Ok(found) if found == bytes => Ok(()),
        Ok(_) => Err(keep(path, Keep::Other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace(path, |file| file.write_all(bytes)).map_err(system(path))
        }
        Err(error) => Err(system(path)(error)),
    }
}

fn replace(target: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let _writing = hold();
    remove_partial(target);
    let mut file = temporary(target)?;
    if let Ok(old) = fs::metadata(target) {
        keep_owner_and_mode(file.as_file(), &old)?;
    }
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    match kind(target) {
        Some(reason) if kind(file.path()) != Some(reason) => return Err(io::Error::other(reason)),
        _ => file.persist(target)?,
    };
    Ok(())
}

/// How the names begin of the temporary files of a target.
fn prefix(target: &Path) -> io::Result<String> {
    // Names may have 255 bytes, and this one gets 16 more.
    const LONGEST: usize = 200;
    let Some(name) = target.file_name() else {
        return Err(io::ErrorKind::IsADirectory.into());
    };
    let mut short = name.to_string_lossy().into_owned();
    while short.len() > LONGEST {
        short.pop();
    }
    Ok(format!(".{short}-"))
}

/// A file that is to take the name of another in the same folder. It is locked, so that others know that its writer lives.
fn temporary(target: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(target)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL);
    if let Some(permissions) = usual_permissions() {
        builder.permissions(permissions);
    }
    loop {
        let file = builder.tempfile_in(folder_of(target)).map_err(nameless)?;
        // Another process may have taken it for one of the dead meanwhile.
        if !is_held(file.as_file()) && bears(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

/// Locks a file, or says that another has. Where a file system knows no locks there is nothing to wait for.
fn is_held(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Whether a file that is open has this name still.
#[cfg(unix)]
fn bears(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let node = |found: Metadata| (found.dev(), found.ino());
    let (open, named) = (file.metadata().map(node), fs::metadata(path).map(node));
    matches!((open, named), (Ok(open), Ok(named)) if open == named)
}

#[cfg(not(unix))]
fn bears(_: &File, path: &Path) -> bool {
    path.exists()
}

/// An error without the name of a temporary file, which says nothing to a user.
fn nameless(error: io::Error) -> io::Error {
    let words = error.to_string();
    match words.split_once(" at path ") {
        Some((words, _)) => io::Error::new(error.kind(), words),
        None => error,
    }
}

/// Removes what processes that were killed while they wrote the same file have left, where the folder can be read. Those that
/// live have locked theirs.
fn remove_partial(target: &Path) {
    let Ok(prefix) = prefix(target) else {
        return;
    };
    for entry in fs::read_dir(folder_of(target))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let random = name
            .to_str()
            .and_then(|name| name.strip_prefix(&prefix)?.strip_suffix(PARTIAL));
        if random.is_some_and(|r| r.chars().all(char::is_alphanumeric)) {
            let left = File::open(entry.path());
            if left.is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// As long as it lives no other run can claim the same file, by whatever name: for long work that ends in it.
#[derive(Debug)]
pub struct Claim {
    /// An empty file beside the output, and its locked handle; none for a pipe or a device.
    lock: Option<(File, PathBuf)>,
}

impl Claim {
    /// Claims a file that is there or is to be.
    ///
    /// # Errors
    /// [`WriteError`]; [`Keep::Busy`] if another run has claimed it.
    pub fn new(path: &Path) -> Result<Self, WriteError> {
        let Place::File(target) = place(path)? else {
            return Ok(Self { lock: None });
        };
        let name = prefix(&target).map_err(system(path))?;
        let lock = folder_of(&target).join(format!("{name}{LOCK}{PARTIAL}"));
        let _writing = hold();
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        loop {
            let file = options.open(&lock).map_err(system(path))?;
            if is_held(&file) {
                return Err(keep(path, Keep::Busy));
            }
            if bears(&file, &lock) {
                let lock = Some((file, lock));
                return Ok(Self { lock });
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some((_locked, path)) = &self.lock {
            let _ = fs::remove_file(path);
        }
    }
}

/// Temporary files are private by default; ours are to become ordinary files, under the umask.
#[cfg(unix)]
fn usual_permissions() -> Option<Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn usual_permissions() -> Option<Permissions> {
    None
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    // Only root may give files away; the others keep their own.
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    file.set_permissions(old.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Opens a file that [`write()`] has begun, to add to its end.
///
/// # Errors
/// [`WriteError`].
pub fn append(path: &Path) -> Result<File, WriteError> {
    let file = OpenOptions::new().append(true).open(path);
    file.map_err(system(path))
}

/// Removes a file that has done its duty; a link to it stays. If it cannot be removed nothing is lost.
pub fn remove(path: &Path) {
    if let Ok(Some(target)) = behind_links(path) {
        let _ = fs::remove_file(target);
    }
}

/// Makes a folder and those above it, where they are not there.
///
/// # Errors
/// [`WriteError`].
pub fn make_folder(folder: &Path) -> Result<(), WriteError> {
    fs::create_dir_all(folder).map_err(system(folder))
}

/// A folder in the system's temporary folder that goes when it is dropped. Those that killed processes have left go too.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: TempDir,
    /// Locked, so that others know that this process lives.
    _lock: File,
}

impl TemporaryFolder {
    /// Makes a folder whose name begins with `prefix`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(prefix: &str) -> io::Result<Self> {
        for entry in fs::read_dir(std::env::temp_dir())?.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with(prefix);
            let dead = || {
                File::open(entry.path().join(LOCK))?
                    .try_lock()
                    .map_err(io::Error::from)
            };
            if ours && dead().is_ok() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The files that a command is going to write, checked before its work.
#[derive(Debug, Default)]
pub struct Outputs {
    files: Vec<(PathBuf, Identity)>,
}

/// What tells files apart.
#[derive(Debug, PartialEq)]
enum Identity {
    /// Device and number of a file that is there: the same for hard links, and for a name in other case where case means
    /// nothing.
    #[cfg(unix)]
    Node(u64, u64),
    /// The whole name in small letters.
    Name(String),
}

impl Identity {
    fn of(path: &Path) -> Self {
        #[cfg(unix)]
        if let Ok(found) = fs::metadata(path) {
            use std::os::unix::fs::MetadataExt;
            return Self::Node(found.dev(), found.ino());
        }
        let whole = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let name = whole(folder_of(path)).join(path.file_name().unwrap_or_default());
        Self::Name(whole(&name).to_string_lossy().to_lowercase())
    }
}

impl Outputs {
    /// Adds a file whose folder must be there, and checks that it can be written: it is no model and no manifest.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add(&mut self, path: &Path) -> Result<(), WriteError> {
        self.add_over(None, path)
    }

    /// As [`Self::add`], for a model or its state.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add_model(&mut self, path: &Path) -> Result<(), WriteError> {
        self.add_over(Some(Keep::Model), path)
    }

    /// As [`Self::add`], for a manifest.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn add_manifest(&mut self, path: &Path) -> Result<(), WriteError> {
        self.add_over(Some(Keep::Manifest), path)
    }

    fn add_over(&mut self, own: Option<Keep>, path: &Path) -> Result<(), WriteError> {
        if let Place::File(target) = place(path)? {
            match kind(&target) {
                Some(reason) if own != Some(reason) => return Err(keep(path, reason)),
                _ => {}
            }
            let _writing = hold();
            temporary(&target).map_err(system(path))?;
            self.record(path, Identity::of(&target))?;
        }
        Ok(())
    }

    /// Adds files in a folder that may be still to be made, and so may folders below it that their names tell.
    fn add_in(&mut self, folder: &Path, names: &[&str]) -> Result<(), WriteError> {
        for name in names {
            let path = folder.join(name);
            match folder_of(&path).is_dir() {
                // The folder's list says what may give way.
                true => self.add_over(kind(&path), &path)?,
                false => can_be_made(folder_of(&path))?,
            }
        }
        Ok(())
    }

    fn record(&mut self, path: &Path, identity: Identity) -> Result<(), WriteError> {
        if self.files.iter().any(|(_, known)| *known == identity) {
            return Err(keep(path, Keep::Twice));
        }
        self.files.push((path.to_path_buf(), identity));
        Ok(())
    }

    /// Checks that no output is one of the files that the command reads, under whatever name.
    ///
    /// # Errors
    /// [`WriteError::Kept`].
    pub fn spare(
        &self,
        inputs: impl IntoIterator<Item = impl AsRef<Path>>,
    ) -> Result<(), WriteError> {
        for input in inputs {
            let input = Identity::of(input.as_ref());
            if let Some((path, _)) = self.files.iter().find(|(_, output)| *output == input) {
                return Err(keep(path, Keep::Input));
            }
        }
        Ok(())
    }
}

/// Checks that a folder can be made that is not there.
fn can_be_made(folder: &Path) -> Result<(), WriteError> {
    let mut above = folder;
    while !above.exists() && folder_of(above) != Path::new(".") {
        above = folder_of(above);
    }
    let above = if above.exists() {
        above
    } else {
        Path::new(".")
    };
    if !above.is_dir() {
        return Err(keep(above, Keep::File));
    }
    temporary(&above.join("folder")).map_err(system(folder))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn kept(result: Result<(), WriteError>) -> Keep {
        match result {
            Err(WriteError::Kept { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        write(&path, b"one").unwrap();
        write(&path, b"another").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"another");
        let failing = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        let said = failing.unwrap_err().to_string();
        assert!(said.contains("free some space"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), b"another");
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert_eq!(
            kept(write(&folder.path().join("taken"), b"x")),
            Keep::Folder
        );
        let missing = folder.path().join("missing").join("out.txt");
        let said = write(&missing, b"x").unwrap_err().to_string();
        assert!(
            said.contains(missing.to_str().unwrap()) && said.contains("make the folder first"),
            "{said}"
        );
        assert!(!said.contains(PARTIAL), "{said}");
        assert_eq!(names(folder.path()), ["out.txt", "taken"]);
    }

    #[test]
    fn what_a_killed_writer_left_goes_with_the_next_write_of_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            ".out.txt-Ab3dEf.partial",
            ".out.txt.old-Ab3dEf.partial",
            ".out.txt-notes",
        ] {
            fs::write(at(name), b"half").unwrap();
        }
        write(&at("out.txt"), b"one").unwrap();
        assert!(!at(".out.txt-Ab3dEf.partial").exists());
        assert!(at(".out.txt.old-Ab3dEf.partial").exists() && at(".out.txt-notes").exists());
    }

    #[test]
    fn what_a_living_writer_is_writing_stays_and_the_last_one_wins_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        let living = temporary(&path).unwrap();
        write(&path, b"one").unwrap();
        assert!(living.path().exists(), "another write");
        Outputs::default().add(&path).unwrap();
        assert!(living.path().exists(), "a check");
        living.persist(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        let left = folder.path().join(".out.txt-Ab3dEf.partial");
        fs::write(&left, b"half").unwrap();
        Outputs::default().add(&path).unwrap();
        assert!(left.exists(), "a check only looks");
    }

    #[test]
    fn a_file_is_claimed_by_one_run_at_a_time_under_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let claim = Claim::new(&path).unwrap();
        let busy = |path: &Path| kept(Claim::new(path).map(drop));
        assert_eq!(busy(&path), Keep::Busy);
        write(&path, b"written meanwhile").unwrap();
        assert_eq!(
            busy(&folder.path().join(".").join("m.safetensors")),
            Keep::Busy
        );
        drop(claim);
        assert_eq!(names(folder.path()), ["m.safetensors"]);
        // What a killed run has left claims nothing.
        fs::write(folder.path().join(".m.safetensors-lock.partial"), b"").unwrap();
        drop(Claim::new(&path).unwrap());
        assert_eq!(names(folder.path()), ["m.safetensors"]);
    }

    #[test]
    fn audio_is_kept_by_its_name_and_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(kept(write(&at("new.FLAC"), b"x")), Keep::Audio);
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/audio");
        let fixtures = fs::read_dir(fixtures).unwrap().map(|e| e.unwrap().path());
        let mut seen = 0;
        for song in fixtures.filter(|path| path.is_file()) {
            let held = fs::read(&song).unwrap();
            fs::write(at("out.csv"), &held).unwrap();
            let refused = write(&at("out.csv"), b"x");
            assert!(refused.is_err(), "{}", song.display());
            assert_eq!(kept(refused), Keep::Audio);
            assert!(fs::read(at("out.csv")).unwrap() == held);
            seen += 1;
        }
        assert!(seen > 20);
        // Lengths of headers that are an MP3's first bytes.
        fs::write(at("m.safetensors"), b"\xff\xfb\0\0\0\0\0\0{\"a\":1}").unwrap();
        write(&at("m.safetensors"), b"x").unwrap();
    }

    #[test]
    fn models_and_manifests_give_way_to_their_own_kind_only() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let model = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let (old, new) = (model("{\"a\":1}"), model("{\"b\":{}}"));
        fs::write(at("model"), &old).unwrap();
        assert_eq!(kept(write(&at("model"), b"loss,accuracy\n")), Keep::Model);
        assert_eq!(kept(Outputs::default().add(&at("model"))), Keep::Model);
        assert_eq!(
            kept(Outputs::default().add_manifest(&at("model"))),
            Keep::Model
        );
        assert_eq!(fs::read(at("model")).unwrap(), old);
        Outputs::default().add_model(&at("model")).unwrap();
        write(&at("model"), &new).unwrap();
        for list in [
            "path,label\n",
            "\u{feff}Label;Mood;Path\r\n",
            "\"label\"\t\"path\"",
        ] {
            fs::write(at("list"), list).unwrap();
            assert_eq!(kept(write(&at("list"), &new)), Keep::Manifest);
            assert_eq!(kept(Outputs::default().add(&at("list"))), Keep::Manifest);
            Outputs::default().add_manifest(&at("list")).unwrap();
            write(&at("list"), b"path,label,split,group\n").unwrap();
        }
        // Rows of an embedding, and what begins like a model only.
        for other in ["path,start_s,end_s,e0\n", "\0\0\0\0\0\0\0\x01{", "", "{"] {
            fs::write(at("other"), other).unwrap();
            write(&at("other"), b"x").unwrap();
        }
    }

    #[test]
    fn a_name_that_ends_like_a_folder_is_none_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for end in ["x.svg/", "x.svg/.", "x.svg//"] {
            let path = folder.path().join(end);
            assert_eq!(kept(Outputs::default().add(&path)), Keep::Folder);
            assert_eq!(kept(write(&path, b"x")), Keep::Folder);
        }
    }

    #[test]
    fn what_comes_with_gamaka_is_written_once_and_never_over_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let song = folder.path().join("a.ogg");
        provide(&song, b"song").unwrap();
        provide(&song, b"song").unwrap();
        assert_eq!(kept(provide(&song, b"other")), Keep::Other);
        assert_eq!(fs::read(&song).unwrap(), b"song");
    }

    #[test]
    fn a_name_of_any_length_that_the_system_takes_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let long = folder.path().join("\u{e4}".repeat(125));
        write(&long, b"one").unwrap();
        write(&long, b"two").unwrap();
        assert_eq!(fs::read(&long).unwrap(), b"two");
        let longer = folder.path().join("x".repeat(300));
        let said = write(&longer, b"x").unwrap_err().to_string();
        assert!(said.contains("choose a shorter name"), "{said}");
    }

    #[test]
    fn outputs_are_told_apart_and_kept_from_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("in.csv"), b"x").unwrap();
        let mut outputs = Outputs::default();
        outputs.add(&at("out.csv")).unwrap();
        assert_eq!(kept(outputs.add(&at("OUT.csv"))), Keep::Twice);
        outputs.add(&at("in.csv")).unwrap();
        let again = folder.path().join(".").join("in.csv");
        assert_eq!(kept(outputs.spare([&again])), Keep::Input);
        outputs.spare([at("other.csv")]).unwrap();
        outputs.add_in(&at("new").join("deep"), &["a.svg"]).unwrap();
        let below = at("in.csv").join("deep");
        assert_eq!(kept(outputs.add_in(&below, &["a.svg"])), Keep::File);
        assert_eq!(names(folder.path()), ["in.csv"], "checks leave nothing");
    }

    #[test]
    fn temporary_folders_of_the_dead_go_and_those_of_the_living_stay() {
        let prefix = format!("gamaka-test-{}-", std::process::id());
        let living = TemporaryFolder::new(&prefix).unwrap();
        let dead = std::env::temp_dir().join(format!("{prefix}dead"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), b"").unwrap();
        let next = TemporaryFolder::new(&prefix).unwrap();
        assert!(living.path().exists() && next.path().exists() && !dead.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_their_targets_are_written() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("far")).unwrap();
        symlink("far/there.csv", at("first")).unwrap();
        symlink("first", at("second")).unwrap();
        for bytes in [b"one", b"two"] {
            write(&at("second"), bytes).unwrap();
            assert_eq!(fs::read(at("far/there.csv")).unwrap(), bytes);
        }
        assert!(at("first").is_symlink() && at("second").is_symlink());
        assert_eq!(names(&at("far")), ["there.csv"]);
        symlink("song.mp3", at("link.csv")).unwrap();
        assert_eq!(kept(write(&at("link.csv"), b"x")), Keep::Audio);
        remove(&at("second"));
        assert!(at("second").is_symlink() && !at("far/there.csv").exists());
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        assert!(write(&at("a"), b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn modes_are_kept_and_read_only_files_refused_even_to_root() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, usual) = (folder.path().join("ours"), folder.path().join("usual"));
        write(&ours, b"x").unwrap();
        fs::write(&usual, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&ours), mode(&usual));
        fs::set_permissions(&ours, Permissions::from_mode(0o606)).unwrap();
        write(&ours, b"y").unwrap();
        assert_eq!(mode(&ours), 0o606);
        fs::set_permissions(&ours, Permissions::from_mode(0o444)).unwrap();
        assert_eq!(kept(write(&ours, b"z")), Keep::ReadOnly);
        assert_eq!(fs::read(&ours).unwrap(), b"y");
    }
}
