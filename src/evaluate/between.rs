//! Learning a genre from one collection and finding it in another.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::{Embedded, EvaluateError, Reader, read::embed_items};
use crate::data::{Dataset, Item, Part};

/// Common names for the labels of two collections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelMap(BTreeMap<String, String>);

impl LabelMap {
    /// Reads a CSV file with the columns `from` and `to`.
    ///
    /// # Errors
    /// [`EvaluateError::LabelMap`].
    pub fn read(path: &Path) -> Result<Self, EvaluateError> {
        let wrong = |reason: String| EvaluateError::LabelMap {
            path: path.to_path_buf(),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| wrong(error.to_string()))?;
        let column = |name: &str| header.iter().position(|field| field == name);
        let (Some(from), Some(to)) = (column("from"), column("to")) else {
            return Err(wrong("its first line must be from,to".into()));
        };
        let mut map = BTreeMap::new();
        for row in reader.records() {
            let row = row.map_err(|error| wrong(error.to_string()))?;
            let line = row.position().map_or(0, |position| position.line());
            let field = |column| row.get(column).unwrap_or_default().to_owned();
            let (from, to) = (field(from), field(to));
            if from.is_empty() || to.is_empty() {
                return Err(wrong(format!("line {line} needs a label on both sides")));
            }
            if let Some(other) = map.insert(from.clone(), to.clone())
                && other != to
            {
                return Err(wrong(format!(
                    "line {line} maps `{from}` to `{to}`, and an earlier one to `{other}`: keep one"
                )));
            }
        }
        if map.is_empty() {
            return Err(wrong(
                "it maps no label: add lines such as hip-hop,hiphop".into(),
            ));
        }
        Ok(Self(map))
    }

    fn apply<'a>(&'a self, label: &'a str) -> &'a str {
        self.0.get(label).map_or(label, String::as_str)
    }
}

/// Reads and embeds the files of two collections whose labels, after `map`, both have. Supports of episodes come from
/// the first of `sides`, queries from the second, each given with the path it was read from; the same content, or a
/// group of the same name, never stands on both sides. `on` is told the files done and the files in all.
///
/// # Errors
/// [`EvaluateError::TooFewCommon`] for fewer than `way` common labels; else as
/// [`embed_dataset`](super::embed_dataset).
pub fn embed_between(
    reader: &Reader,
    sides: [(&Path, Dataset); 2],
    map: &LabelMap,
    way: usize,
    on: &mut dyn FnMut(usize, usize),
) -> Result<Embedded, EvaluateError> {
    let [support, query] = [sides[0].0, sides[1].0];
    let sides = sides.map(|(_, dataset)| dataset);
    let labels = |dataset: &Dataset| -> BTreeSet<String> {
        let mapped = dataset.classes.iter().map(|label| map.apply(label));
        mapped.map(str::to_owned).collect()
    };
    let [of_support, of_query] = [labels(&sides[0]), labels(&sides[1])];
    let classes: Vec<String> = of_support.intersection(&of_query).cloned().collect();
    if classes.len() < way.max(2) {
        let listed =
            |labels: &BTreeSet<String>| labels.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(EvaluateError::TooFewCommon {
            common: classes.len(),
            way,
            support: support.to_path_buf(),
            of_support: listed(&of_support),
            query: query.to_path_buf(),
            of_query: listed(&of_query),
        });
    }
    let mut notes = Vec::new();
    for from in map.0.keys() {
        if !sides.iter().any(|dataset| dataset.classes.contains(from)) {
            notes.push(format!(
                "the label map has `{from}`, a label of neither collection"
            ));
        }
    }
    let seen: usize = sides
        .iter()
        .map(|dataset| {
            let found = reader.model.info.split.apply(dataset);
            // A path alone is no proof: other music may lie under the same name.
            let known = |index: &usize| {
                matches!(found.part[*index], Some(Part::Train | Part::Validation))
                    && !found.changed.contains(index)
            };
            (0..dataset.items.len()).filter(known).count()
        })
        .sum();
    if seen > 0 {
        notes.push(format!(
            "{seen} of these files trained or validated the model: the figures say little about new music"
        ));
    }
    let (dataset, query_only) = join(sides, map, classes);
    let left = |side: bool| query_only.iter().filter(|only| **only == side).count();
    notes.push(format!(
        "{} classes in both; learning from {} files of {}, finding among {} of {}",
        dataset.classes.len(),
        left(false),
        support.display(),
        left(true),
        query.display()
    ));
    let wanted: Vec<usize> = (0..dataset.items.len()).collect();
    let mut embedded = embed_items(reader, dataset, &wanted, notes, on)?;
    embedded.query_only = Some(query_only);
    Ok(embedded)
}

/// The files of both collections that belong to `classes` (sorted) as one data set, and which may only be queries.
fn join(sides: [Dataset; 2], map: &LabelMap, classes: Vec<String>) -> (Dataset, Vec<bool>) {
    let mut joined = Dataset {
        // The items' paths say where they lie.
        root: PathBuf::new(),
        classes,
        items: Vec::new(),
        groups: Vec::new(),
        tracks: false,
        warnings: Vec::new(),
    };
    let mut query_only = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (side, dataset) in sides.into_iter().enumerate() {
        joined.warnings.extend(dataset.warnings.iter().cloned());
        // A file without a group is one by itself, named by its path, which means nothing in the other collection.
        let mut named = vec![true; dataset.groups.len()];
        for item in &dataset.items {
            if item.path.display().to_string() == dataset.groups[item.group] {
                named[item.group] = false;
            }
        }
        let mut of_group: HashMap<usize, usize> = HashMap::new();
        for item in &dataset.items {
            let label = map.apply(&dataset.classes[item.class]);
            let Ok(class) = joined.classes.binary_search_by(|c| c.as_str().cmp(label)) else {
                continue;
            };
            let group = *of_group.entry(item.group).or_insert_with(|| {
                let name = dataset.groups[item.group].clone();
                let groups = &mut joined.groups;
                let mut new = || {
                    groups.push(name.clone());
                    groups.len() - 1
                };
                match named[item.group] {
                    true => *by_name.entry(name.clone()).or_insert_with(new),
                    false => new(),
                }
            });
            query_only.push(side == 1);
            joined.items.push(Item {
                path: dataset.file(item),
                class,
                group,
                ..item.clone()
            });
        }
    }
    // The same content is one group, whatever it is called.
    let mut first_with: HashMap<String, usize> = HashMap::new();
    for index in 0..joined.items.len() {
        let Item { group, hash, .. } = joined.items[index].clone();
        let kept = *first_with.entry(hash).or_insert(group);
        if kept != group {
            let same = joined.items.iter_mut().filter(|item| item.group == group);
            same.for_each(|item| item.group = kept);
            let same = first_with.values_mut().filter(|known| **known == group);
            same.for_each(|known| *known = kept);
        }
    }
    (joined, query_only)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(root: &str, files: &[(&str, &str, &str, &str)]) -> Dataset {
        let classes: BTreeSet<String> = files.iter().map(|f| f.1.to_owned()).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        let mut groups: Vec<String> = Vec::new();
        let items = files.iter().map(|&(path, label, group, hash)| {
            let name = if group.is_empty() { path } else { group };
            let group = groups.iter().position(|g| g == name).unwrap_or_else(|| {
                groups.push(name.to_owned());
                groups.len() - 1
            });
            Item {
                path: path.into(),
                class: classes.iter().position(|c| c == label).unwrap(),
                group,
                part: None,
                hash: hash.into(),
                columns: BTreeMap::new(),
            }
        });
        Dataset {
            root: root.into(),
            items: items.collect(),
            classes,
            groups,
            tracks: false,
            warnings: vec![],
        }
    }

    #[test]
    fn collections_are_joined_by_common_labels_and_share_groups_and_copies_only() {
        let a = dataset(
            "a",
            &[
                ("ska/1.wav", "ska", "", "h1"),
                ("ska/2.wav", "ska", "band", "h2"),
                ("folk/1.wav", "folk", "", "h3"),
                ("jazz/1.wav", "jazz", "", "h4"),
            ],
        );
        let b = dataset(
            "b",
            &[
                ("ska/1.wav", "Ska", "", "h5"),
                ("ska/2.wav", "Ska", "band", "h6"),
                ("folk/9.wav", "folk", "", "h3"),
                ("polka/1.wav", "polka", "", "h7"),
            ],
        );
        let map = LabelMap([("Ska".to_owned(), "ska".to_owned())].into());
        let (joined, query_only) = join([a, b], &map, vec!["folk".into(), "ska".into()]);
        assert_eq!(query_only, [false, false, false, true, true, true]);
        let class = |k: usize| joined.classes[joined.items[k].class].as_str();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(class),
            ["ska", "ska", "folk", "ska", "ska", "folk"]
        );
        let group = |k: usize| joined.items[k].group;
        // The same path is no group, the same name and the same content are one.
        assert_ne!(group(0), group(3));
        assert_eq!(group(1), group(4));
        assert_eq!(group(2), group(5));
        assert_eq!(joined.file(&joined.items[3]), Path::new("b/ska/1.wav"));
    }

    #[test]
    fn a_label_map_that_says_nothing_or_two_things_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            LabelMap::read(&path)
        };
        let map = read("\u{feff}from, to\nhip-hop , hiphop\nrap,hiphop\n").unwrap();
        assert_eq!(map.apply("rap"), "hiphop");
        assert_eq!(map.apply("ska"), "ska");
        for (text, word) in [
            ("", "from,to"),
            ("a,b\nx,y\n", "from,to"),
            ("from,to\n", "maps no label"),
            ("from,to\nrap,\n", "line 2"),
            ("from,to\nrap,a\nrap,b\n", "line 3"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(word) && said.contains("map.csv"), "{said}");
        }
    }
}
