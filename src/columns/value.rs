//! Columns and what stands in them.

use serde::Serialize;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// True or false.
    Truth,
    /// Vectors of so many numbers.
    Vector(usize),
}

/// A column: its name, of letters, digits and underscores, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
}

impl Column {
    /// A column by name and kind.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// True or false.
    Truth(bool),
    /// A vector, as long as its column says.
    Vector(&'a [f32]),
    /// Nothing is known.
    None,
}

impl<'a> Value<'a> {
    /// Text, where there is some.
    pub fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::None, Self::Text)
    }

    /// A number, where there is one.
    pub fn float(number: Option<f64>) -> Self {
        number.map_or(Self::None, Self::Float)
    }

    /// Whether it may stand in a column of this kind.
    pub(super) fn is_of(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Self::Vector(values), Kind::Vector(width)) => values.len() == width,
            (Self::Text(_), Kind::Text)
            | (Self::Integer(_), Kind::Integer)
            | (Self::Float(_), Kind::Float)
            | (Self::Truth(_), Kind::Truth)
            | (Self::None, _) => true,
            _ => false,
        }
    }
}
