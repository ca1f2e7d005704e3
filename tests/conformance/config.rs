//! The language of httpd.conf: lines, quoting, variables, includes, read-time sections, and mistakes.

use crate::harness::{apache_only, cases, ours_only, run, Output, Setup};

fn conf(text: &str) -> Setup {
    Setup::new().conf(text)
}

/// A configuration that is right.
fn good(text: &str) {
    conf(text).check().exit(0).err("Syntax OK");
}

/// A mistake: the line of the case's file, and words that must be told.
fn bad(text: &str, line: u32, words: &[&str]) -> Output {
    let setup = conf(text);
    let out = setup.check();
    let place = setup.fill(&format!("line {line} of @ROOT@/conf/test.conf"));
    out.exit(1).err(&place).not_err("Syntax OK");
    for word in words {
        out.err(word);
    }
    out
}

/// Was the line `Define HIT` reached?
fn hit(setup: &Setup) -> bool {
    let out = setup.run(&["-t", "-D", "DUMP_RUN_CFG"]);
    out.exit(0);
    out.stdout.lines().any(|l| l == "Define: HIT")
}

fn reached(text: &str) {
    assert!(hit(&conf(text)), "not reached: {text}");
}

fn missed(text: &str) {
    assert!(!hit(&conf(text)), "reached: {text}");
}

/// The document root a configuration comes to, as `-S` tells it.
fn docroot(setup: &Setup) -> String {
    let out = setup.run(&["-S"]);
    out.exit(0);
    let line = out
        .stdout
        .lines()
        .find_map(|l| l.strip_prefix("Main DocumentRoot: "))
        .unwrap_or_else(|| panic!("{out:#?}"));
    line.trim_matches('"').to_string()
}

fn root_is(setup: Setup, name: &str) {
    let setup = setup
        .folder("one")
        .folder("two words")
        .folder("qu\"ote")
        .folder("back\\slash");
    assert_eq!(docroot(&setup), setup.fill(&format!("@ROOT@/{name}")));
}

// Lines.

cases! {
    empty_file: good("");
    comments_and_blank_lines: good("# one\n\n   # two\n\t# three\n   \n");
    comment_only_at_the_line_start: bad("DocumentRoot @ROOT@/htdocs # off", 1, &["DocumentRoot"]);
    comment_with_continuation_goes_on: good("# a comment \\\nNoSuchDirective\n");
    names_in_any_case: good("keepalive on\nKEEPALIVE ON\nkEepAliVe oN");
    section_names_in_any_case: good("<directory />\noptions none\n</DIRECTORY>");
    leading_blanks: good("   KeepAlive On\n\tKeepAlive Off");
    blanks_between: good("KeepAlive \t  On  ");
    crlf_lines: good("KeepAlive On\r\n<Directory />\r\nOptions None\r\n</Directory>\r\n");
    continuation: root_is(conf("DocumentRoot \\\n@ROOT@/one"), "one");
    continuation_inside_a_word: root_is(conf("DocumentRoot @ROOT@/o\\\nne"), "one");
    continuation_keeps_counting_lines: bad("KeepAlive \\\n \\\n On\nNoSuch x", 4, &["NoSuch"]);
    continuation_of_a_mistake: { bad("KeepAlive On\nNoSuch \\\nx", 3, &["NoSuch"]); };
    no_newline_at_the_end: good("KeepAlive On\nKeepAlive Off");
    long_line: good(&format!("Define LONG {}", "x".repeat(7000)));
    double_quotes: root_is(conf("DocumentRoot \"@ROOT@/two words\""), "two words");
    single_quotes: root_is(conf("DocumentRoot '@ROOT@/two words'"), "two words");
    escaped_quote_in_quotes: root_is(conf("DocumentRoot \"@ROOT@/qu\\\"ote\""), "qu\"ote");
    escaped_backslash_in_quotes: root_is(conf("DocumentRoot \"@ROOT@/back\\\\slash\""), "back\\slash");
    empty_quoted_argument: good("SetEnv NAME \"\"");
    unclosed_quote_takes_the_rest: root_is(conf("DocumentRoot \"@ROOT@/two words"), "two words");
}

// Variables.

cases! {
    define_and_use: root_is(conf("Define where one\nDocumentRoot @ROOT@/${where}"), "one");
    define_inside_a_word: root_is(conf("Define w n\nDocumentRoot @ROOT@/o${w}e"), "one");
    define_in_quotes: root_is(conf("Define w two\nDocumentRoot \"@ROOT@/${w} words\""), "two words");
    define_with_blanks_in_its_value: root_is(conf("Define w \"two words\"\nDocumentRoot \"@ROOT@/${w}\""), "two words");
    define_of_a_define: root_is(conf("Define a one\nDefine b ${a}\nDocumentRoot @ROOT@/${b}"), "one");
    define_again_wins: root_is(conf("Define a two\nDefine a one\nDocumentRoot @ROOT@/${a}"), "one");
    define_is_case_sensitive: reached("Define a\n<IfDefine !A>\nDefine HIT\n</IfDefine>");
    define_in_a_section_argument: good("Define where /x\n<Location ${where}>\nOptions None\n</Location>");
    environment_variable: root_is(conf("DocumentRoot @ROOT@/${WHERE}").env("WHERE", "one"), "one");
    define_beats_the_environment: root_is(conf("Define WHERE one\nDocumentRoot @ROOT@/${WHERE}").env("WHERE", "x"), "one");
    unknown_variable_stays_with_a_warning: {
        conf("SetEnv A ${NOSUCHVAR}").check().exit(0).err("NOSUCHVAR").err("Syntax OK");
    };
    undefine: reached("Define A\nUnDefine A\n<IfDefine !A>\nDefine HIT\n</IfDefine>");
    undefine_of_nothing: good("UnDefine A");
    define_without_a_name: bad("Define", 1, &["Define"]);
    define_name_with_a_colon: bad("Define a:b c", 1, &["':'"]);
    dollar_alone_is_text: good("SetEnv A $x\nSetEnv B a$\nSetEnv C ${");
    define_with_a_value_counts_for_ifdefine: reached("Define A b\n<IfDefine A>\nDefine HIT\n</IfDefine>");
    variable_inside_a_comment_is_ignored: conf("# ${NOSUCHVAR}").check().exit(0).not_err("NOSUCHVAR");
}

// Includes.

cases! {
    include_absolute: assert!(hit(&conf("Include @ROOT@/conf/more.conf").file("conf/more.conf", "Define HIT\n")));
    include_relative_to_the_server_root: assert!(hit(&conf("Include conf/more.conf").file("conf/more.conf", "Define HIT\n")));
    include_missing: bad("Include conf/none.conf", 1, &["none.conf"]);
    include_optional_missing: good("IncludeOptional conf/none.conf");
    include_glob: assert!(hit(&conf("Include conf/m*.conf").file("conf/more.conf", "Define HIT\n")));
    include_glob_of_nothing: bad("Include conf/none*.conf", 1, &["none*.conf"]);
    include_optional_glob_of_nothing: good("IncludeOptional conf/none*.conf");
    include_glob_in_the_folder_part: assert!(hit(&conf("Include sites/*/x.conf").file("sites/a/x.conf", "Define HIT\n")));
    include_folder: assert!(hit(&conf("Include sites").file("sites/a", "Define HIT\n")));
    include_folder_goes_deep: assert!(hit(&conf("Include sites").file("sites/deep/er/a", "Define HIT\n")));
    include_nothing: good("Include /dev/null");
    include_without_end: bad("Include /dev/zero", 1, &["/dev/zero"]);
    include_empty_folder: good("Include @ROOT@/htdocs");
    include_order_is_alphabetical: {
        let setup = conf("Include sites").file("sites/b", "DocumentRoot @ROOT@/one\n").file("sites/a", "DocumentRoot @ROOT@/htdocs\n");
        root_is(setup, "one")
    };
    include_glob_order_is_alphabetical: {
        let setup = conf("Include sites/*.conf").file("sites/20.conf", "DocumentRoot @ROOT@/one\n").file("sites/10.conf", "DocumentRoot @ROOT@/htdocs\n");
        root_is(setup, "one")
    };
    include_with_a_variable: assert!(hit(&conf("Define which more\nInclude conf/${which}.conf").file("conf/more.conf", "Define HIT\n")));
    include_inside_a_section: good_with(conf("<Directory />\nInclude conf/more.conf\n</Directory>").file("conf/more.conf", "Options None\n"));
    include_inside_a_virtual_host: good_with(conf("<VirtualHost *:1>\nInclude conf/more.conf\n</VirtualHost>").file("conf/more.conf", "ServerName x\n"));
    include_of_itself_ends: conf("Include conf/more.conf").file("conf/more.conf", "Include conf/more.conf\n").check().exit(1);
    mistake_in_an_included_file: {
        let setup = conf("\nInclude conf/more.conf").file("conf/more.conf", "\n\nNoSuch\n");
        let place = setup.fill("line 3 of @ROOT@/conf/more.conf");
        setup.check().exit(1).err(&place).err("NoSuch");
    };
    section_must_close_in_its_file: {
        let setup = conf("Include conf/more.conf\n</Directory>").file("conf/more.conf", "<Directory />\n");
        setup.check().exit(1).err("more.conf").err("Directory");
    };
}

fn good_with(setup: Setup) {
    setup.check().exit(0).err("Syntax OK");
}

// Read-time sections.

cases! {
    ifmodule_by_file_name: reached("<IfModule mod_alias.c>\nDefine HIT\n</IfModule>");
    ifmodule_by_identifier: reached("<IfModule alias_module>\nDefine HIT\n</IfModule>");
    ifmodule_not: reached("<IfModule !no_such_module>\nDefine HIT\n</IfModule>");
    ifmodule_absent: missed("<IfModule no_such_module>\nDefine HIT\n</IfModule>");
    ifmodule_absent_hides_mistakes: good("<IfModule no_such_module>\nNoSuch x\n<Also \"wrong>\n</Also>\n</IfModule>");
    ifmodule_of_core: reached("<IfModule core.c>\nDefine HIT\n</IfModule>");
    ifmodule_of_the_mpm: reached(&format!("<IfModule {}>\nDefine HIT\n</IfModule>", crate::harness::fact("identifier")));
    ifmodule_of_another_mpm: missed("<IfModule mpm_winnt_module>\nDefine HIT\n</IfModule>");
    ifdefine_absent: missed("<IfDefine NOPE>\nDefine HIT\n</IfDefine>");
    ifdefine_not: reached("<IfDefine !NOPE>\nDefine HIT\n</IfDefine>");
    ifdefine_from_the_command_line: assert!(hit(&conf("<IfDefine FROMARG>\nDefine HIT\n</IfDefine>").arg("-D").arg("FROMARG")));
    ifdefine_nested: reached("Define A\nDefine B\n<IfDefine A>\n<IfDefine B>\nDefine HIT\n</IfDefine>\n</IfDefine>");
    ifdefine_nested_in_an_absent_one: missed("Define B\n<IfDefine A>\n<IfDefine B>\nDefine HIT\n</IfDefine>\n</IfDefine>");
    ifdefine_absent_with_a_nested_end: reached("<IfDefine A>\n<IfDefine B>\n</IfDefine>\nNoSuch\n</IfDefine>\nDefine HIT");
    ifversion_equal: reached("<IfVersion = 2.4.71>\nDefine HIT\n</IfVersion>");
    ifversion_bare: reached("<IfVersion 2.4.71>\nDefine HIT\n</IfVersion>");
    ifversion_at_least: reached("<IfVersion >= 2.4>\nDefine HIT\n</IfVersion>");
    ifversion_above: missed("<IfVersion > 2.4.71>\nDefine HIT\n</IfVersion>");
    ifversion_below: reached("<IfVersion < 2.6>\nDefine HIT\n</IfVersion>");
    ifversion_at_most: missed("<IfVersion <= 2.4.70>\nDefine HIT\n</IfVersion>");
    ifversion_not: reached("<IfVersion !< 2.4.0>\nDefine HIT\n</IfVersion>");
    ifversion_regex: reached("<IfVersion ~ ^2\\.4\\.>\nDefine HIT\n</IfVersion>");
    ifversion_regex_in_slashes: reached("<IfVersion = /^2\\.4/>\nDefine HIT\n</IfVersion>");
    ifversion_bad_operator: bad("<IfVersion ?? 2.4>\n</IfVersion>", 1, &["??"]);
    iffile_there: reached("<IfFile conf/httpd.conf>\nDefine HIT\n</IfFile>");
    iffile_absolute: reached("<IfFile @ROOT@/conf/httpd.conf>\nDefine HIT\n</IfFile>");
    iffile_absent: missed("<IfFile conf/none>\nDefine HIT\n</IfFile>");
    iffile_not: reached("<IfFile !conf/none>\nDefine HIT\n</IfFile>");
    ifdirective_known: reached("<IfDirective KeepAlive>\nDefine HIT\n</IfDirective>");
    ifdirective_any_case: reached("<IfDirective keepalive>\nDefine HIT\n</IfDirective>");
    ifdirective_unknown: missed("<IfDirective NoSuch>\nDefine HIT\n</IfDirective>");
    ifdirective_not: reached("<IfDirective !NoSuch>\nDefine HIT\n</IfDirective>");
    ifsection_known: reached("<IfSection Directory>\nDefine HIT\n</IfSection>");
    ifsection_unknown: missed("<IfSection NoSuch>\nDefine HIT\n</IfSection>");
    ifsection_is_not_for_directives: missed("<IfSection KeepAlive>\nDefine HIT\n</IfSection>");
    ifmodule_in_a_directory: good("<Directory />\n<IfModule mod_alias.c>\nOptions None\n</IfModule>\n</Directory>");
    ifmodule_without_argument: bad("<IfModule>\n</IfModule>", 1, &["IfModule"]);
}

// Mistakes.

cases! {
    unknown_directive: bad("\n\nNoSuchThing x", 3, &["NoSuchThing"]).err("Invalid command 'NoSuchThing'");
    unknown_directive_in_a_section: bad("<Directory />\nNoSuchThing x\n</Directory>", 2, &["NoSuchThing"]);
    unknown_section: bad("<NoSuch x>\n</NoSuch>", 1, &["NoSuch"]);
    section_not_closed: bad("KeepAlive On\n<Directory />\nOptions None", 2, &["<Directory> was not closed"]);
    section_closed_wrongly: bad("<Directory />\n</Location>", 2, &["</Location>"]);
    section_closed_without_opening: bad("</Directory>", 1, &["Directory"]);
    section_without_bracket: bad("<Directory /\n</Directory>", 1, &["Directory"]);
    section_end_without_bracket: bad("<Directory />\n</Directory", 2, &["Directory"]);
    sections_crossed: bad("<VirtualHost *>\n<Directory />\n</VirtualHost>\n</Directory>", 3, &["VirtualHost"]);
    section_directory_without_argument: bad("<Directory>\n</Directory>", 1, &["Directory"]);
    section_files_without_argument: bad("<Files>\n</Files>", 1, &["Files"]);
    bad_regex: bad("<DirectoryMatch \"(\">\n</DirectoryMatch>", 1, &[]);
    bad_regex_in_a_directive: bad("AliasMatch ( /x", 1, &[]);
    flag_with_another_word: bad("KeepAlive Maybe", 1, &["KeepAlive", "On or Off"]);
    too_few_arguments: bad("Alias", 1, &["Alias"]);
    too_many_arguments: bad("DocumentRoot a b", 1, &["DocumentRoot"]);
    number_expected: bad("LimitInternalRecursion x", 1, &[]);
    number_negative: bad("LimitRequestLine -1", 1, &["LimitRequestLine"]);
    word_from_a_list_expected: bad("ServerTokens Nonsense", 1, &["ServerTokens"]);
    bad_option_word: bad("<Directory />\nOptions Wrong\n</Directory>", 2, &["Wrong"]);
    options_mixed_signs: bad("<Directory />\nOptions +Indexes FollowSymLinks\n</Directory>", 2, &["Options"]);
    server_directive_in_a_directory: bad("<Directory />\nDocumentRoot /x\n</Directory>", 2, &["DocumentRoot"]);
    server_directive_in_a_location: bad("<Location />\nKeepAlive On\n</Location>", 2, &["KeepAlive"]);
    main_server_directive_in_a_virtual_host: bad("<VirtualHost *>\nPidFile x\n</VirtualHost>", 2, &["PidFile"]);
    listen_in_a_virtual_host: bad("<VirtualHost *>\nListen 1\n</VirtualHost>", 2, &["Listen"]);
    virtual_host_in_a_virtual_host: bad("<VirtualHost *>\n<VirtualHost *>\n</VirtualHost>\n</VirtualHost>", 2, &["VirtualHost"]);
    directory_in_a_location: bad("<Location />\n<Directory />\n</Directory>\n</Location>", 2, &["Directory"]);
    location_in_a_directory: bad("<Directory />\n<Location />\n</Location>\n</Directory>", 2, &["Location"]);
    allow_override_in_a_location_is_useless: conf("<Location />\nAllowOverride All\n</Location>").check().exit(0).err("AH00114").err("line 2 of");
    allow_override_at_the_top: bad("AllowOverride All", 1, &["AllowOverride"]);
    allow_override_bad_class: bad("<Directory />\nAllowOverride Everything\n</Directory>", 2, &["Everything"]);
    bad_listen_port: bad("Listen 99999", 1, &[]);
    bad_listen_address: bad("Listen 127.0.0.1", 1, &[]);
    bad_require: bad("<Directory />\nRequire nonsense\n</Directory>", 2, &["nonsense"]);
    bad_expression: bad("<If \"nonsense\">\n</If>", 1, &[]);
    else_without_if: bad("<Else>\n</Else>", 1, &["Else"]);
    document_root_that_is_no_folder: bad("DocumentRoot @ROOT@/none", 1, &["DocumentRoot", "not a directory"]);
    document_root_unchecked_with_capital_t: conf("DocumentRoot @ROOT@/none").run(&["-t", "-T"]).exit(0).not_err("not a directory");
    error_directive: bad("Error \"stop here\"", 1, &["stop here"]);
    error_directive_not_reached: good("<IfDefine NOPE>\nError \"stop here\"\n</IfDefine>");
    limit_request_body_too_big: bad("LimitRequestBody x", 1, &["LimitRequestBody"]);
    load_module_of_no_file: conf("LoadModule no_such_module modules/mod_no_such.so").check().exit(1).err("line 1 of");
}

#[test]
fn all_mistakes_are_told_in_one_run() {
    ours_only!();
    let out = bad(
        "NoSuchOne x\nKeepAlive On\nNoSuchTwo x",
        1,
        &["NoSuchOne", "NoSuchTwo"],
    );
    out.err("line 3 of");
}

#[test]
fn a_misspelt_directive_gets_the_nearest_name() {
    ours_only!();
    bad("DocumentRoof /x", 1, &["DocumentRoof", "DocumentRoot"]);
}

#[test]
fn only_the_first_mistake_is_told_by_apache() {
    apache_only!();
    bad("NoSuchOne x\nNoSuchTwo x", 1, &["NoSuchOne"]).not_err("NoSuchTwo");
}

#[test]
fn configuration_file_that_is_not_there() {
    let out = run(&["-t", "-f", "/nonexistent/x.conf"]);
    out.exit(1).err("/nonexistent/x.conf").err("No such file");
}
