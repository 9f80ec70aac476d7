//! Declared settings as options of the command line.

use std::marker::PhantomData;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use toml::{Table, Value};

use crate::run::settings::{Setting, Settings};

/// The settings that a command line gives; what it does not give comes from --config, then from the defaults.
#[derive(Debug, Clone)]
pub struct Asked<S> {
    pub settings: Table,
    /// Those of them that environment variables gave.
    pub by_variable: Vec<&'static str>,
    of: PhantomData<S>,
}

/// The options of a kind of settings: those that do not stand in files alone.
fn options<S: Settings>() -> impl Iterator<Item = &'static Setting> {
    S::declared().iter().filter(|s| !s.value.is_empty())
}

fn option<S: Settings>(setting: &'static Setting) -> Arg {
    let mut arg = Arg::new(setting.name)
        .long(setting.option())
        .help(setting.words())
        .value_name(setting.value)
        .allow_negative_numbers(true);
    arg = match setting.choices {
        [] => arg.value_parser(setting.parse),
        choices => arg.value_parser(PossibleValuesParser::new(choices)).hide_possible_values(true),
    };
    if let Some(alone) = setting.alone {
        arg = arg.num_args(0..=1).default_missing_value(alone);
    }
    if !setting.requires.is_empty() {
        arg = arg.requires(setting.requires);
    }
    if !setting.variable.is_empty() {
        arg = arg.env(setting.variable);
    }
    let others = options::<S>()
        .filter(|s| !s.group.is_empty() && s.group == setting.group && s.name != setting.name);
    arg.conflicts_with_all(others.map(|s| s.name))
}

impl<S: Settings> Args for Asked<S> {
    fn augment_args(command: Command) -> Command {
        options::<S>().fold(command, |command, setting| command.arg(option::<S>(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: Settings> FromArgMatches for Asked<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (mut settings, mut by_variable) = (Table::new(), Vec::new());
        for setting in options::<S>() {
            let value = match setting.choices {
                [] => matches.get_one::<Value>(setting.name).cloned(),
                _ => matches.get_one::<String>(setting.name).map(|word| word.as_str().into()),
            };
            if matches.value_source(setting.name) == Some(ValueSource::EnvVariable) {
                by_variable.push(setting.name);
            }
            settings.extend(value.map(|value| (setting.name.to_string(), value)));
        }
        Ok(Asked { settings, by_variable, of: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let Asked { settings, by_variable, .. } = Self::from_arg_matches(matches)?;
        self.settings.extend(settings);
        self.by_variable.extend(by_variable);
        Ok(())
    }
}
