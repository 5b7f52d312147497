//! Which file of a crate imports from which: read from the sources alone, as far as their names tell.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Name(String),
    /// `::`
    Below,
    Sign(char),
    Text(String),
}

/// A source without its comments and the modules written out in it, such as its tests.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let at = |i: usize| text.get(i).copied().unwrap_or('\0');
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < text.len() {
        match (at(i), at(i + 1)) {
            ('/', '/') => i += text[i..].iter().take_while(|&&c| c != '\n').count(),
            ('/', '*') => {
                i += 2;
                while i < text.len() && (at(i), at(i + 1)) != ('*', '/') {
                    i += 1;
                }
                i += 2;
            }
            ('r', '"' | '#') if at(i + 1) == '"' || matches!(at(i + 2), '"' | '#') => {
                let hashes = text[i + 1..].iter().take_while(|&&c| c == '#').count();
                let end = format!("\"{}", "#".repeat(hashes));
                let rest: String = text[i + 2 + hashes..].iter().collect();
                let inside = rest.split(&end).next().unwrap().to_owned();
                i += 2 + hashes + inside.chars().count() + end.len();
                tokens.push(Token::Text(inside));
            }
            ('"', _) => {
                let mut inside = String::new();
                i += 1;
                while i < text.len() && at(i) != '"' {
                    if at(i) == '\\' {
                        i += 1;
                    }
                    inside.push(at(i));
                    i += 1;
                }
                i += 1;
                tokens.push(Token::Text(inside));
            }
            ('\'', '\\') => i += 3 + text[i + 3..].iter().take_while(|&&c| c != '\'').count() + 1,
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            (':', ':') => {
                tokens.push(Token::Below);
                i += 2;
            }
            (c, _) if is_name(c) => {
                let name: String = text[i..].iter().take_while(|c| is_name(**c)).collect();
                i += name.chars().count();
                tokens.push(Token::Name(name));
            }
            (c, _) => {
                tokens.extend((!c.is_whitespace()).then_some(Token::Sign(c)));
                i += 1;
            }
        }
    }
    without_inner_modules(tokens)
}

fn without_inner_modules(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut depth = 0;
    for token in tokens {
        let begins = matches!(&kept[..], [.., Token::Name(word), Token::Name(_)] if word == "mod");
        match token {
            Token::Sign('{') if depth > 0 || begins => depth += 1,
            Token::Sign('}') if depth > 0 => depth -= 1,
            token if depth == 0 => kept.push(token),
            _ => {}
        }
    }
    kept
}

/// Whether a file of `src` holds tests alone.
pub(crate) fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("tests/")
}

type Path = Vec<String>;

#[derive(Default)]
struct Module {
    file: String,
    /// What it defines.
    items: BTreeSet<String>,
    /// What it hands on from below, and of which modules it hands on all.
    facade: BTreeMap<String, Path>,
    facades: Vec<Path>,
    /// What it calls by another name.
    names: BTreeMap<String, Path>,
    /// What it uses.
    used: Vec<Path>,
}

fn module_path(file: &str) -> Path {
    let path = file.trim_end_matches(".rs").split('/').map(str::to_owned);
    let mut path: Path = path.collect();
    if ["mod", "lib"].contains(&path.last().unwrap().as_str()) {
        path.pop();
    }
    path
}

/// The paths of a `use`, from behind it, with the names that they get here.
fn use_tree(tokens: &[Token], at: &mut usize, before: &[String], found: &mut Vec<(String, Path)>) {
    let mut path = before.to_vec();
    loop {
        match tokens.get(*at) {
            Some(Token::Name(word)) if word == "as" => {
                if let Some(Token::Name(name)) = tokens.get(*at + 1) {
                    found.push((name.clone(), path));
                }
                *at += 2;
                return;
            }
            Some(Token::Name(name)) => {
                if name != "self" || path.is_empty() {
                    path.push(name.clone());
                }
                *at += 1;
            }
            Some(Token::Below) => *at += 1,
            Some(Token::Sign('*')) => {
                *at += 1;
                found.push(("*".to_owned(), path));
                return;
            }
            Some(Token::Sign('{')) => {
                *at += 1;
                while !matches!(tokens.get(*at), None | Some(Token::Sign('}'))) {
                    use_tree(tokens, at, &path, found);
                    *at += usize::from(tokens.get(*at) == Some(&Token::Sign(',')));
                }
                *at += 1;
                return;
            }
            _ => break,
        }
    }
    found.extend(path.last().cloned().map(|name| (name, path)));
}

struct Crate(BTreeMap<Path, Module>);

impl Crate {
    fn new(sources: &BTreeMap<String, String>) -> Self {
        let of = |file: &String| Module {
            file: file.clone(),
            ..Module::default()
        };
        let files = sources.keys().filter(|file| !is_test(file));
        let mut found = Self(files.map(|file| (module_path(file), of(file))).collect());
        for path in found.0.keys().cloned().collect::<Vec<_>>() {
            found.read(&path, &tokens(&sources[&found.0[&path].file]));
        }
        found
    }

    fn read(&mut self, path: &Path, tokens: &[Token]) {
        let mut module = self.0.remove(path).unwrap();
        let (mut uses, mut words) = (Vec::new(), Vec::new());
        let mut i = 0;
        while i < tokens.len() {
            let before = |back: usize| i.checked_sub(back).map(|i| &tokens[i]);
            let Token::Name(word) = &tokens[i] else {
                i += 1;
                continue;
            };
            if word == "use" {
                let hands_on = matches!(before(1), Some(Token::Name(w)) if w == "pub")
                    || before(1) == Some(&Token::Sign(')'));
                let mut found = Vec::new();
                i += 1;
                use_tree(tokens, &mut i, &[], &mut found);
                uses.extend(found.into_iter().map(|used| (hands_on, used)));
                continue;
            }
            const DEFINES: [&str; 7] = ["fn", "struct", "enum", "const", "static", "trait", "type"];
            if let (true, Some(Token::Name(name))) =
                (DEFINES.contains(&word.as_str()), tokens.get(i + 1))
            {
                module.items.insert(name.clone());
            }
            let mut whole = vec![word.clone()];
            let start = before(1) != Some(&Token::Below);
            i += 1;
            while let (Some(Token::Below), Some(Token::Name(next))) =
                (tokens.get(i), tokens.get(i + 1))
            {
                whole.push(next.clone());
                i += 2;
            }
            if start && whole.len() > 1 {
                words.push(whole);
            }
        }
        // Names of children, before what they are for is known.
        self.0.insert(path.clone(), Module::default());
        for (hands_on, (name, used)) in uses {
            let Some(used) = self.absolute(path, &used, &BTreeMap::new()) else {
                continue;
            };
            match (hands_on, name.as_str()) {
                (true, "*") => module.facades.push(used),
                (true, _) => drop(module.facade.insert(name.clone(), used.clone())),
                (false, "*") => module.used.push([used, vec![name]].concat()),
                (false, _) => {
                    module.used.push(used.clone());
                    module.names.insert(name, used);
                }
            }
        }
        let all = &module.names;
        let words = words.iter().filter_map(|w| self.absolute(path, w, all));
        module.used.extend(words.collect::<Vec<_>>());
        self.0.insert(path.clone(), module);
    }

    /// A path from the root of the crate, if it begins there.
    fn absolute(
        &self,
        module: &Path,
        path: &[String],
        names: &BTreeMap<String, Path>,
    ) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let child = [&module[..], std::slice::from_ref(first)].concat();
        let base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => {
                let up = module[..module.len().checked_sub(1)?].to_vec();
                return match rest.first().map(String::as_str) {
                    Some("super") => self.absolute(&up, rest, names),
                    _ => Some([&up[..], rest].concat()),
                };
            }
            _ => match names.get(first) {
                Some(named) => named.clone(),
                None if self.0.contains_key(&child) => child,
                None => return None,
            },
        };
        Some([&base[..], rest].concat())
    }

    /// The file that defines what a path names; none for a module, of which nothing is used yet.
    fn definer(&self, path: &[String]) -> Option<&Module> {
        let handed_on = |module: &Module, name: &String| {
            let defines = |all: &&Path| self.0.get(*all).is_some_and(|m| m.items.contains(name));
            let all = || module.facades.iter().find(defines);
            let all = || all().map(|all| [&all[..], std::slice::from_ref(name)].concat());
            module.facade.get(name).cloned().or_else(all)
        };
        let known = (0..=path.len())
            .rev()
            .find(|&n| self.0.contains_key(&path[..n]))?;
        let (module, rest) = (&self.0[&path[..known]], &path[known..]);
        let next = match rest.split_first() {
            Some((name, below)) => handed_on(module, name).map(|to| [&to[..], below].concat()),
            // An item may be called like a module.
            None => {
                let (name, parent) = path.split_last()?;
                let to = self
                    .0
                    .get(parent)
                    .and_then(|parent| handed_on(parent, name));
                return to.filter(|to| to != path).and_then(|to| self.definer(&to));
            }
        };
        match next {
            Some(next) => self.definer(&next),
            None => Some(module),
        }
    }
}

/// The imports between files, `mod.rs` by what it does itself: `mod` and `pub use` are none. A name leads to the file that
/// defines it. Sources by their paths below `src`.
pub(crate) fn imports(sources: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let house = Crate::new(sources);
    let of = |module: &Module| {
        let files = module.used.iter().filter_map(|path| house.definer(path));
        let files = files.map(|definer| definer.file.clone());
        files.filter(|file| *file != module.file).collect()
    };
    let modules = house.0.values();
    modules
        .map(|module| (module.file.clone(), of(module)))
        .collect()
}

/// Groups of files (or what else) of which each imports each other, directly or not.
pub(crate) fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<BTreeSet<String>> {
    let reached = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            let further = imports.get(file).into_iter().flatten();
            next.extend(further.filter(|file| reached.insert((*file).clone())));
        }
        reached
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        imports.keys().map(|file| (file, reached(file))).collect();
    let circle = |(file, all): (&&String, &BTreeSet<String>)| -> BTreeSet<String> {
        let back = |other: &&String| reached.get(other).is_some_and(|r| r.contains(*file));
        all.iter().filter(back).cloned().collect()
    };
    let circles = reached.iter().map(circle);
    circles.filter(|circle| !circle.is_empty()).collect()
}
