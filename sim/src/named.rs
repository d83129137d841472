//! Enums whose variants have stable names: for counting, printing and parsing.
//!
//! The names go into scenarios and reports, so they must not change with the code.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An enum with stable names.
pub(crate) trait Named: Copy + FromStr<Err = String> + 'static {
    /// All of them, each at the index that is its number.
    const ALL: &'static [Self];
    /// The stable name.
    fn name(self) -> &'static str;
}

/// For `#[serde(with = "ByName::<E>")]`: an array with a place for each variant as a map by their
/// names, without what is nothing.
pub(crate) struct ByName<E>(PhantomData<E>);

impl<E: Named> ByName<E> {
    pub(crate) fn serialize<V, S, const N: usize>(array: &[V; N], to: S) -> Result<S::Ok, S::Error>
    where
        V: Serialize + Default + PartialEq,
        S: Serializer,
    {
        let nothing = V::default();
        let named = E::ALL.iter().zip(array);
        to.collect_map(
            named
                .filter(|(_, value)| **value != nothing)
                .map(|(one, value)| (one.name(), value)),
        )
    }

    pub(crate) fn deserialize<'de, V, D, const N: usize>(from: D) -> Result<[V; N], D::Error>
    where
        V: DeserializeOwned + Default + Debug,
        D: Deserializer<'de>,
    {
        let mut map = BTreeMap::<String, V>::deserialize(from)?;
        for name in map.keys() {
            name.parse::<E>().map_err(Error::custom)?;
        }
        let named = E::ALL.iter().map(|one| map.remove(one.name()));
        let values: Vec<V> = named.map(Option::unwrap_or_default).collect();
        Ok(values.try_into().expect("one for each variant"))
    }
}

macro_rules! named_enum {
    (
        $(#[$outer:meta])*
        pub enum $name:ident {
            $($(#[$inner:meta])* $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$inner])* $variant,)+
        }

        impl $name {
            /// All of them, each at the index that is its number.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// How many there are.
            pub const COUNT: usize = $name::ALL.len();

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)+
                }
            }

            /// The one with this stable name.
            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.name() == name)
            }
        }

        impl $crate::named::Named for $name {
            const ALL: &'static [$name] = $name::ALL;

            fn name(self) -> &'static str {
                $name::name(self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(name: &str) -> Result<$name, String> {
                $name::from_name(name).ok_or_else(|| {
                    let all: Vec<&str> = $name::ALL.iter().map(|one| one.name()).collect();
                    format!("`{name}` is none of {}", all.join(", "))
                })
            }
        }

        $crate::text::serde_as_text!($name);
    };
}

pub(crate) use named_enum;

#[cfg(test)]
mod tests {
    use super::ByName;
    use crate::figures::Verdict;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Counted {
        #[serde(with = "ByName::<Verdict>")]
        verdicts: [u64; Verdict::COUNT],
    }

    #[test]
    fn an_array_is_a_map_by_names_without_zeros_and_comes_back() {
        let mut counted = Counted {
            verdicts: [0; Verdict::COUNT],
        };
        counted.verdicts[Verdict::Shortened as usize] = 7;
        let text = serde_json::to_string(&counted).unwrap();
        assert_eq!(text, r#"{"verdicts":{"shortened":7}}"#);
        assert_eq!(serde_json::from_str::<Counted>(&text).unwrap(), counted);
        let unknown = r#"{"verdicts":{"eaten":1}}"#;
        let error = serde_json::from_str::<Counted>(unknown).unwrap_err();
        assert!(error.to_string().contains("eaten"), "{error}");
    }
}
