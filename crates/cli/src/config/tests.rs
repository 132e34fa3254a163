use super::*;

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreshard.toml");
    std::fs::write(&path, text).unwrap();
    Loaded::new(Some(&path), variables.iter().map(|(name, says)| (name.into(), says.into())))
}

fn load(text: &str) -> Result<Config, ConfigError> {
    load_with(text, &[]).map(|loaded| loaded.config)
}

/// Why a configuration is refused, without the file's directory.
fn refused(text: &str, variables: &[(&str, &str)]) -> String {
    let error = load_with(text, variables).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    match error.split_once("foreshard.toml") {
        Some((_, rest)) => format!("foreshard.toml{rest}"),
        None => error,
    }
}

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let config = load("[server.limits]\nmode = \"off\"\n[manager]\ntick_ms = 500\n").unwrap();
    let mut expected = Config::default();
    expected.server.limits.mode = server::LimitMode::Off;
    expected.manager.tick_ms = 500;
    assert_eq!(config, expected);
}

#[test]
fn credentials_are_read_and_not_shown() {
    let config = load("[server.credentials]\nAKID = \"tiger\"\n").unwrap();
    assert_eq!(config.server.credentials.ids().collect::<Vec<_>>(), ["AKID"]);
    assert!(!format!("{config:?}{}", config.tree()).contains("tiger"));
}

#[test]
fn a_misspelt_name_is_refused_with_its_line_and_what_was_meant() {
    for (text, why) in [
        (
            "[manager]\ntick = 500\n",
            r#":2: [manager] has no setting "tick"; did you mean "tick_ms"?"#,
        ),
        ("\n[servre]\n", r#":2: there is no section "servre"; did you mean "server"?"#),
        (
            "[server]\nlimits = { mode = \"off\", brust_s = 1.0 }\n",
            r#":2: [server.limits] has no setting "brust_s"; did you mean "burst_s"?"#,
        ),
        (
            "[planner]\nthreshold = 8.0\n",
            r#":2: [planner] has no setting "threshold"; it belongs under [planner.score]"#,
        ),
        ("[controller]\nq = 1\n", r#":2: [controller] has no setting "q"; there are now_ms"#),
    ] {
        assert_eq!(refused(text, &[]), format!("foreshard.toml{why}"));
    }
    let unlike = refused("[storage]\nwhatever = 1\n", &[]);
    assert!(unlike.ends_with("`foreshard config check` shows all there are"), "{unlike}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_line() {
    let kind = refused("[manager]\ndecisions_max = 5\n\ntick_ms = \"soon\"\n", &[]);
    assert!(kind.starts_with("foreshard.toml:4: manager.tick_ms: invalid type"), "{kind}");
    let syntax = refused("[manager]\ntick_ms = \n", &[]);
    assert!(syntax.starts_with("foreshard.toml:2: "), "{syntax}");
    let section = refused("manager = 5\n", &[("FORESHARD_MANAGER__TICK_MS", "7")]);
    assert!(section.starts_with("foreshard.toml:1: manager: invalid type"), "{section}");
}

#[test]
fn no_message_has_a_secret() {
    for text in
        ["[server.credentials]\nAKID = 73217321\n", "[admin.tokens.ann]\ntoken = 73217321\n"]
    {
        let error = refused(text, &[]);
        assert!(error.starts_with("foreshard.toml:2: ") && !error.contains("7321"), "{error}");
    }
    let variable = ("FORESHARD_SERVER__CREDENTIALS", "73217321");
    let error = refused("", &[variable]);
    assert!(error.starts_with(variable.0) && !error.contains("7321"), "{error}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let variables = [
        ("FORESHARD_MANAGER__TICK_MS", "700"),
        ("FORESHARD_PLANNER__FLOOR__UTILISATION", "0.5"),
        ("FORESHARD_SERVER__LIMITS__MODE", "off"),
        ("FORESHARD_SERVER__REGION", "1"),
        ("FORESHARD_SERVER__LISTEN", "127.0.0.1:9"),
        ("FORESHARD_SERVER__HTTP__CORS_ORIGINS", r#"["https://there"]"#),
        ("FORESHARD_SERVER__CREDENTIALS__AkId", "123"),
        ("FORESHARD_ADMIN__TOKENS__ann__ROLE", "operator"),
        ("FORESHARD_ADMIN__TOKENS__ann__TOKEN", "1234567890123456"),
        ("FORESHARD_ALERTS__URL", "http://127.0.0.1:9093/"),
        ("FORESHARD_ADMIN", "http://not.a.setting"),
        ("OTHER__TICK_MS", "1"),
    ];
    let text = "[manager]\ntick_ms = 500\ndecisions_max = 5\n[server.credentials]\nold = \"x\"\n";
    let Loaded { config, origins } = load_with(text, &variables).unwrap();
    assert_eq!((config.manager.tick_ms, config.manager.decisions_max), (700, 5));
    assert_eq!(config.planner.floor.as_ref().map(|floor| floor.utilisation), Some(0.5));
    assert_eq!(config.server.limits.mode, server::LimitMode::Off);
    assert_eq!((config.server.region.as_str(), config.server.listen.port()), ("1", 9));
    assert_eq!(config.server.http.cors_origins.as_deref(), Some(&["https://there".to_owned()][..]));
    let expected = server::Credentials::new([("AkId", "123"), ("old", "x")]);
    assert_eq!(config.server.credentials, expected);
    assert_eq!(config.alerts.url.as_deref(), Some("http://127.0.0.1:9093/"));
    config.check().unwrap();
    assert_eq!(origins["manager.tick_ms"].to_string(), "FORESHARD_MANAGER__TICK_MS");
    assert!(origins["manager.decisions_max"].to_string().ends_with("foreshard.toml:3"));
    assert_eq!(origins.len(), 12, "{origins:?}");
}

#[test]
fn a_variable_that_is_no_setting_is_refused_by_name() {
    let refused = |name: &str, says: &str| refused("", &[(name, says)]);
    for (name, why) in [
        (
            "FORESHARD_MANAGER__TICK",
            r#": [manager] has no setting "tick"; did you mean "tick_ms"?"#,
        ),
        ("FORESHARD_SERVER__LIMITS", ": [server.limits] is a section; name one of its settings"),
        (
            "FORESHARD_MANAGER__TICK_MS__MAX",
            ": manager.tick_ms is one setting and has none of its own",
        ),
    ] {
        assert_eq!(refused(name, "1"), format!("{name}{why}"));
    }
    let kind = refused("FORESHARD_MANAGER__TICK_MS", "soon");
    assert!(kind.starts_with("FORESHARD_MANAGER__TICK_MS: manager.tick_ms: invalid"), "{kind}");
    let inner = refused("FORESHARD_SERVER__HTTP__CORS_ORIGINS", "[1]");
    assert!(inner.starts_with("FORESHARD_SERVER__HTTP__CORS_ORIGINS: "), "{inner}");
}

#[test]
fn what_is_shown_can_be_read_again() {
    let variables = [("FORESHARD_MANAGER__TICK_MS", "700")];
    let Loaded { config, origins } = load_with("[server]\nregion = \"eu\"\n", &variables).unwrap();
    let shown = show::toml(&config.tree(), &origins);
    assert_eq!(load(&shown).unwrap(), config);
    assert!(shown.contains("tick_ms = 700  # FORESHARD_MANAGER__TICK_MS\n"), "{shown}");
    assert!(shown.contains("foreshard.toml:2\n"), "{shown}");
    assert!(shown.contains("[alerts]") && shown.contains("# url is not set"), "{shown}");
}

#[test]
fn what_would_not_start_is_refused_by_the_check() {
    for (text, why) in [
        ("[server]\nlisten = \"0.0.0.0:8000\"\n", "not a loopback address"),
        ("[admin]\nlisten = \"0.0.0.0:8001\"\n", "not a loopback address"),
        ("[server.credentials]\na = \"\"\n", "is empty"),
        ("[storage]\ncompaction_poll_ms = 0\n", "poll"),
        ("[forecast]\nhorizon_steps = 0\n", "horizon_steps"),
        ("[alerts]\nurl = \"nowhere\"\n", "[alerts] url"),
        ("[log]\nlevel = \"=\"\n", "[log] level"),
    ] {
        let error = load(text).unwrap().check().unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains('\n'), "{error}");
    }
    Config::default().check().unwrap();
}

/// The example that is packaged.
const EXAMPLE: &str = include_str!("../../../../deploy/foreshard.toml");

#[test]
fn the_example_has_every_setting_with_its_default() {
    let default = Config::default();
    let example = load(EXAMPLE).unwrap();
    let differing = example.differences(&default);
    assert!(differing.is_empty(), "deploy/foreshard.toml has other values for {differing:?}");
    assert_eq!(example, default);
    let all = names_of(&show::toml(&default.tree(), &Origins::new()));
    let named = names_of(EXAMPLE);
    let missing: Vec<_> = all.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&all).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "deploy/foreshard.toml lacks {missing:?}, and nothing reads {unknown:?}"
    );
}

/// The settings that a file names, with those that have no default and are named in comments:
/// `# url is not set` or `# url = "an example"`.
fn names_of(text: &str) -> std::collections::BTreeSet<String> {
    let mut section = "";
    let mut names = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        let words: Vec<&str> = line.trim_start_matches("# ").splitn(3, ' ').collect();
        match words[..] {
            [name, "=", _] | [name, "is", "not set"] => names.insert(format!("{section}.{name}")),
            _ => false,
        };
    }
    names
}
