//! How the two protocols deal files out to the parts of a split.

use super::{
    dataset::Dataset, error::DataError, linked::linked, part::Part, pool::Pool, protocol::Protocol,
    task::Task,
};
use crate::random::Stream;
use std::collections::{BTreeSet, HashMap};

/// The part of each item when classes are dealt out. Classes that share a group stay together.
pub(super) fn novel_classes(
    dataset: &Dataset,
    pool: &Pool,
    way: usize,
    seed: u64,
) -> Result<Vec<Part>, DataError> {
    let classes = pool.classes.len();
    let mut linked = linked_classes(pool);
    let tied = linked
        .iter()
        .filter(|together| together.len() > 1)
        .map(Vec::len)
        .sum::<usize>();
    let quarter = ((classes + 2) / 4).max(way);
    let too_few = || match dataset.tracks {
        true => DataError::TooFewTracks {
            tracks: classes,
            way,
            together: match tied {
                0 => String::new(),
                _ => format!(
                    ", of which {tied} have to stay with others of the same album or group,"
                ),
            },
        },
        false => DataError::TooFewClasses {
            classes,
            way,
            linked: match tied {
                0 => String::new(),
                _ => format!(
                    ", of which {tied} share groups with others and have to stay together (a group never stands on both sides)"
                ),
            },
        },
    };
    let Some(train) = classes
        .checked_sub(2 * quarter)
        .filter(|&train| train >= way)
    else {
        return Err(too_few());
    };
    Stream::new(seed, "split", 0).shuffle(&mut linked);
    linked.sort_by_key(|together| std::cmp::Reverse(together.len()));
    let mut room = [train, quarter, quarter].map(|target| target as isize);
    let mut count = [0usize; 3];
    let mut part_of = HashMap::new();
    for together in &linked {
        let most = (0..3)
            .max_by_key(|&part| (room[part], std::cmp::Reverse(part)))
            .unwrap_or(0);
        room[most] -= together.len() as isize;
        count[most] += together.len();
        part_of.extend(
            together
                .iter()
                .map(|&class| (&pool.classes[class], Part::ALL[most])),
        );
    }
    if count.iter().any(|&classes| classes < way) {
        return Err(too_few());
    }
    let part = |label: &String| part_of.get(label).copied().unwrap_or(Part::Train);
    Ok(dataset
        .items
        .iter()
        .map(|item| part(&dataset.classes[item.class]))
        .collect())
}

/// The classes of a pool, those that share a group (directly or through others) together.
fn linked_classes(pool: &Pool) -> Vec<Vec<usize>> {
    let mut first_with: HashMap<usize, usize> = HashMap::new();
    let mut pairs = Vec::new();
    for class in 0..pool.files.len() {
        for group in pool.group_sizes(class).into_keys() {
            pairs.push((*first_with.entry(group).or_insert(class), class));
        }
    }
    linked(pool.files.len(), pairs)
}

/// The part of each item when the files of every class are dealt out, group by group.
pub(super) fn seen_classes(
    dataset: &Dataset,
    pool: &Pool,
    task: Task,
    seed: u64,
) -> Result<Vec<Part>, DataError> {
    let need = task.files();
    // How many files of each class each part still wants.
    let mut room: Vec<[isize; 3]> = Vec::new();
    for (class, files) in pool.classes.iter().zip(&pool.files) {
        let quarter = ((files.len() + 2) / 4).max(need);
        let Some(train) = files
            .len()
            .checked_sub(2 * quarter)
            .filter(|&train| train >= need)
        else {
            return Err(too_few_files(dataset, class, task));
        };
        room.push([train, quarter, quarter].map(|target| target as isize));
    }
    let mut members: HashMap<usize, Vec<(usize, isize)>> = HashMap::new();
    for class in 0..pool.files.len() {
        for (group, size) in pool.group_sizes(class) {
            members
                .entry(group)
                .or_default()
                .push((class, size as isize));
        }
    }
    let mut groups: Vec<(usize, Vec<(usize, isize)>)> = members.into_iter().collect();
    groups.sort_by_key(|(group, _)| *group);
    Stream::new(seed, "split", 0).shuffle(&mut groups);
    groups.sort_by_key(|(_, sizes)| {
        std::cmp::Reverse(sizes.iter().map(|(_, size)| size).sum::<isize>())
    });
    let mut part_of = HashMap::new();
    for (group, sizes) in groups {
        let wanted = |part: usize| {
            sizes
                .iter()
                .map(|&(class, size)| size * room[class][part])
                .sum::<isize>()
        };
        let most = (0..3)
            .max_by_key(|&part| (wanted(part), std::cmp::Reverse(part)))
            .unwrap_or(0);
        for (class, size) in sizes {
            room[class][most] -= size;
        }
        part_of.insert(group, Part::ALL[most]);
    }
    Ok(dataset
        .items
        .iter()
        .map(|item| part_of.get(&item.group).copied().unwrap_or(Part::Train))
        .collect())
}

pub(super) fn too_few_files(
    dataset: &Dataset,
    class: &str,
    Task { shot, query, .. }: Task,
) -> DataError {
    let pool = dataset.pool_of_all();
    let slot = pool
        .classes
        .iter()
        .position(|name| name == class)
        .unwrap_or_default();
    DataError::TooFewFilesToSplit {
        class: class.into(),
        files: pool.files.get(slot).map_or(0, Vec::len),
        groups: pool.group_sizes(slot).len(),
        shot,
        query,
        need: shot + query,
    }
}

/// Checks that a manifest's split has the classes in the parts where the protocol wants them.
pub(super) fn check_given(
    dataset: &Dataset,
    protocol: Protocol,
    parts: &[Option<Part>],
) -> Result<(), DataError> {
    let mut parts_of = vec![BTreeSet::new(); dataset.classes.len()];
    for (item, part) in dataset.items.iter().zip(parts) {
        parts_of[item.class].extend(*part);
    }
    let against = |reason| Err(DataError::SplitAgainstProtocol { protocol, reason });
    let used: BTreeSet<Part> = parts_of.iter().flatten().copied().collect();
    if let Some(absent) = [Part::Train, Part::Test]
        .into_iter()
        .find(|part| !used.contains(part))
    {
        return against(format!(
            "no file is in {absent}: give some files that split"
        ));
    }
    for (class, found) in dataset.classes.iter().zip(&parts_of) {
        let listed = |parts: &BTreeSet<Part>| {
            parts
                .iter()
                .map(Part::to_string)
                .collect::<Vec<_>>()
                .join(" and ")
        };
        match protocol {
            Protocol::NovelClasses if found.len() > 1 => {
                return against(format!(
                    "class `{class}` is in {}: put all its files into one split, or use seen-classes",
                    listed(found)
                ));
            }
            Protocol::SeenClasses if found.len() < used.len() => {
                let lacking: BTreeSet<Part> = used.difference(found).copied().collect();
                return against(format!(
                    "class `{class}` has no file in {}: give every class files in every split, or use novel-classes",
                    listed(&lacking)
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
