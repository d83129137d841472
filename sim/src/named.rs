//! Enums whose variants have stable names: for counting, printing and parsing.
//!
//! The names go into scenarios and reports, so they must not change with the code.

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
