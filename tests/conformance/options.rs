//! The command line of the program: what each option prints and how it ends.

use crate::harness::{apache_only, cases, fact, is_apache, ours_only, run, Setup};

fn conf(text: &str) -> Setup {
    Setup::new().conf(text)
}

const HOSTS: &str = "\
<VirtualHost *:@PORT@>
ServerName a.example.test
ServerAlias www.a.example.test *.aa.test
</VirtualHost>
<VirtualHost *:@PORT@>
ServerName b.example.test
</VirtualHost>
<VirtualHost 127.0.0.1:@PORT2@>
ServerName ip.example.test
</VirtualHost>
";

fn hosts(args: &[&str]) -> (Setup, crate::harness::Output) {
    let setup = conf(HOSTS);
    let out = setup.run(args);
    out.exit(0);
    (setup, out)
}

cases! {
    version: run(&["-v"]).exit(0).out("Server version: Apache/2.4.71").out("\nServer built:   ");
    version_needs_no_configuration: run(&["-v", "-f", "/nonexistent"]).exit(0);
    version_long: conf("").run(&["-V"]).exit(0).out("Server version: Apache/2.4.71").out("\nServer MPM:     ").out("Architecture:").out("HTTPD_ROOT=").out("SERVER_CONFIG_FILE=");
    version_long_names_the_mpm: conf("").run(&["-V"]).line(&format!("Server MPM:     {}", fact("title")));
    version_long_tells_threads: {
        let kind = |fact: &str, what: &str| match fact {
            "none" => "no".to_string(),
            kind => format!("yes ({kind} {what} count)"),
        };
        let threaded = format!("  threaded:     {}", kind(&fact("thread-count"), "thread"));
        let forked = format!("    forked:     {}", kind(&fact("process-count"), "process"));
        conf("").run(&["-V"]).line(&threaded).line(&forked);
    };
    linked_in_modules: run(&["-l"]).exit(0).line("Compiled in modules:").line("  core.c").line("  mod_so.c").line("  http_core.c");
    linked_in_modules_begin_with_core: {
        let out = run(&["-l"]);
        assert_eq!(out.stdout.lines().nth(1), Some("  core.c"));
    };
    linked_in_modules_need_no_configuration: run(&["-l", "-f", "/nonexistent"]).exit(0);
    loaded_modules: conf("").run(&["-M"]).exit(0).line("Loaded Modules:").line(" core_module (static)").out(" alias_module (").out(" authz_core_module (");
    loaded_modules_long_form: conf("").run(&["-t", "-D", "DUMP_MODULES"]).exit(0).line("Loaded Modules:");
    loaded_modules_of_a_broken_configuration: conf("NoSuch").run(&["-M"]).exit(1).err("NoSuch");
    directives_are_listed: {
        let out = conf("").run(&["-L"]);
        out.exit(0).line("<Directory (core.c)").line("Options (core.c)").line("Alias (mod_alias.c)");
        out.line("\tAllowed in *.conf only outside <Directory>, <Files>, <Location>, or <If>");
        out.line("\tAllowed in *.conf anywhere and in .htaccess");
        out.line("\twhen AllowOverride includes Options");
    };
    syntax_ok: conf("").run(&["-t"]).exit(0).err("Syntax OK");
    syntax_bad: conf("NoSuch").run(&["-t"]).exit(1).not_err("Syntax OK");
    help: run(&["-h"]).exit(1).err("Usage: ").err("-k start|restart|graceful|graceful-stop|stop").err("-D name");
    bad_option: run(&["-Q"]).exit(1).err("illegal option -- Q").err("Usage: ");
    bad_verb: run(&["-k", "frob"]).exit(1).err("Usage: ");
    option_without_its_argument: run(&["-f"]).exit(1).err("Usage: ");
    stray_operand: run(&["stray"]).exit(1).err("Usage: ");
    stop_of_nothing: conf("").run(&["-k", "stop"]).exit(0).err_or_out("not running");
    graceful_stop_of_nothing: conf("").run(&["-k", "graceful-stop"]).exit(0).err_or_out("not running");
    directive_before: conf("").run(&["-C", "NoSuchBefore", "-t"]).exit(1).err("NoSuchBefore");
    directive_after: conf("").run(&["-c", "NoSuchAfter", "-t"]).exit(1).err("NoSuchAfter");
    directive_after_wins: {
        let setup = conf("").folder("one");
        setup.run(&["-c", "DocumentRoot @ROOT@/one", "-S"]).exit(0).line(&setup.fill("Main DocumentRoot: \"@ROOT@/one\""));
    };
    directive_before_loses: {
        let setup = conf("").folder("one");
        setup.run(&["-C", "DocumentRoot @ROOT@/one", "-S"]).exit(0).line(&setup.fill("Main DocumentRoot: \"@ROOT@/htdocs\""));
    };
    directives_after_keep_their_order: {
        let setup = conf("").folder("one");
        setup.run(&["-c", "DocumentRoot @ROOT@/one", "-c", "DocumentRoot @ROOT@", "-S"]).line(&setup.fill("Main DocumentRoot: \"@ROOT@\""));
    };
    section_after: conf("").run(&["-c", "<Directory />", "-c", "Options None", "-c", "</Directory>", "-t"]).exit(0);
    define_on_the_command_line: conf("<IfDefine NAME>\nNoSuch\n</IfDefine>").run(&["-D", "NAME", "-t"]).exit(1);
    define_on_the_command_line_joined: conf("<IfDefine NAME>\nNoSuch\n</IfDefine>").run(&["-DNAME", "-t"]).exit(1);
    config_file_relative_to_the_server_root: {
        let setup = conf("");
        setup.write();
        let root = setup.fill("@ROOT@");
        run(&["-d", &root, "-f", "conf/httpd.conf", "-t"]).exit(0).err("Syntax OK");
    };
    startup_messages_to_a_file: {
        let setup = conf("NoSuchInFile");
        setup.run(&["-E", "@ROOT@/logs/startup", "-t"]).exit(1);
        let text = std::fs::read_to_string(setup.root().join("logs/startup")).unwrap_or_default();
        assert!(text.contains("NoSuchInFile"), "{text}");
    };
    startup_messages_at_a_level: conf("").run(&["-e", "debug", "-t"]).exit(0);
    startup_messages_at_no_level: conf("").run(&["-e", "frob", "-t"]).exit(1);
}

cases! {
    vhosts_have_a_header: hosts(&["-S"]).1.line("VirtualHost configuration:");
    vhosts_by_name: {
        let (s, out) = hosts(&["-S"]);
        let wide = format!("{:<22} is a NameVirtualHost", s.fill("*:@PORT@"));
        out.line(&wide);
    };
    vhosts_default: {
        let (s, out) = hosts(&["-S"]);
        out.line(&s.fill("         default server a.example.test (@ROOT@/conf/test.conf:1)"));
    };
    vhosts_each_name: {
        let (s, out) = hosts(&["-S"]);
        out.line(&s.fill("         port @PORT@ namevhost a.example.test (@ROOT@/conf/test.conf:1)"));
        out.line(&s.fill("         port @PORT@ namevhost b.example.test (@ROOT@/conf/test.conf:5)"));
    };
    vhosts_aliases: hosts(&["-S"]).1.line("                 alias www.a.example.test");
    vhosts_wild_aliases: hosts(&["-S"]).1.line("                 wild alias *.aa.test");
    vhosts_alone_on_an_address: {
        let (s, out) = hosts(&["-S"]);
        let address = s.fill("127.0.0.1:@PORT2@");
        out.line(&s.fill(&format!("{address:<22} ip.example.test (@ROOT@/conf/test.conf:8)")));
    };
    vhosts_dump_long_form: {
        let (_, out) = hosts(&["-t", "-D", "DUMP_VHOSTS"]);
        out.line("VirtualHost configuration:").not_out("ServerRoot:");
    };
    vhosts_dump_without_t: hosts(&["-D", "DUMP_VHOSTS"]).1.line("VirtualHost configuration:");
    run_settings: {
        let (s, out) = hosts(&["-S"]);
        out.line(&s.fill("ServerRoot: \"@ROOT@\""));
        out.line(&s.fill("Main DocumentRoot: \"@ROOT@/htdocs\""));
        out.line(&s.fill("Main ErrorLog: \"@ROOT@/logs/error_log\""));
        out.line(&s.fill("PidFile: \"@ROOT@/run/httpd.pid\""));
    };
    run_settings_list_defines: conf("Define MINE value\nDefine BARE").run(&["-S"]).line("Define: MINE=value").line("Define: BARE").line("Define: DUMP_VHOSTS");
    run_settings_name_the_account: {
        if crate::harness::is_root() {
            let (s, out) = hosts(&["-S"]);
            out.out(&s.fill("User: name=\"@USER@\" id=")).out(&s.fill("Group: name=\"@GROUP@\" id="));
        }
    };
    run_settings_alone: hosts(&["-t", "-D", "DUMP_RUN_CFG"]).1.out("ServerRoot:").not_out("VirtualHost configuration:");
    includes_are_dumped: {
        let setup = conf("Include conf/more.conf").file("conf/more.conf", "KeepAlive On\n");
        let out = setup.run(&["-t", "-D", "DUMP_INCLUDES"]);
        out.exit(0).line("Included configuration files:");
        out.line(&setup.fill("  (*) @ROOT@/conf/httpd.conf"));
        out.out(&setup.fill(") @ROOT@/conf/test.conf"));
        out.line(&setup.fill("      (1) @ROOT@/conf/more.conf"));
    };
}

#[test]
fn version_says_who_we_are() {
    ours_only!();
    run(&["-v"]).out("Apache/2.4.71-compatible httpd/");
}

#[test]
fn debian_lists_its_static_modules() {
    apache_only!();
    run(&["-l"]).line("  mod_watchdog.c").not_out("event.c");
}

#[test]
fn exactly_one_mpm_is_linked_in() {
    if is_apache() {
        return;
    }
    let out = run(&["-l"]);
    let folders = concat!(env!("CARGO_MANIFEST_DIR"), "/mpm");
    let facts = std::fs::read_dir(folders).unwrap().flatten();
    let facts = facts.filter_map(|f| std::fs::read_to_string(f.path().join("facts")).ok());
    let file = |facts: String| Some(facts.lines().find_map(|l| l.strip_prefix("file="))?.into());
    let files: Vec<String> = facts.filter_map(file).collect();
    assert!(files.len() >= 7, "{files:?}");
    let found = files
        .iter()
        .filter(|file| out.stdout.contains(&format!("  {file}\n")));
    assert_eq!(found.count(), 1, "{}", out.stdout);
}
