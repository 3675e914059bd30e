namespace Slick.Workbook.Notebooks;

/// <summary>The style sheet of an exported page.</summary>
internal static class PageStyle
{
    public const string Css = """
        :root { color-scheme: light dark; --text: #1d2129; --page: #ffffff; --code: #f4f5f7; --line: #d6d9de; --link: #0b57b0;
          --k: #8250a8; --s: #1a6e3c; --n: #0a5a9c; --c: #68707c; --d: #8a5a00; --bad: #b3261e;
          --black: #000000; --red: #b3261e; --green: #1a6e3c; --yellow: #7a5200; --blue: #0b57b0; --magenta: #8e2f9b; --cyan: #00697a;
          --white: #5f6672;
          --black2: #68707c; --red2: #cc2936; --green2: #12783f; --yellow2: #8a5a00; --blue2: #1a66d1; --magenta2: #a53bb3;
          --cyan2: #007385; --white2: #4a4f58; }
        @media screen and (prefers-color-scheme: dark) { :root { --text: #e3e5e8; --page: #16181c; --code: #20242a; --line: #3a4048;
          --link: #7ab5ff;
          --k: #c9a0ec; --s: #83d19b; --n: #83bff5; --c: #959daa; --d: #e0b060; --bad: #ff8a80;
          --black: #8b919c; --red: #ff8a80; --green: #83d19b; --yellow: #e0b060; --blue: #7ab5ff; --magenta: #d9a0ec; --cyan: #6fd0dc;
          --white: #d0d3d8;
          --black2: #a0a6b0; --red2: #ffa69e; --green2: #a0e2b4; --yellow2: #f2cb85; --blue2: #9fcaff; --magenta2: #e8bff5;
          --cyan2: #96e2ec; --white2: #ffffff; } }
        body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; overflow-wrap: break-word; }
        a { color: var(--link); }
        .skip { position: fixed; right: 1rem; bottom: 1rem; padding: .25rem .6rem; background: var(--code); border: 1px solid var(--line);
          border-radius: 4px; z-index: 1; }
        nav ul { list-style: none; padding-left: 0; }
        nav .h2 { padding-left: 1.2rem; } nav .h3, nav .h4, nav .h5, nav .h6 { padding-left: 2.4rem; }
        pre { overflow-x: auto; padding: .7rem .9rem; border-radius: 4px; font: 13.5px/1.45 ui-monospace, Consolas, Menlo, monospace; }
        code { font: .9em/1.45 ui-monospace, Consolas, Menlo, monospace; } pre > code { font: inherit; }
        pre.source, .markdown pre, .raw pre { background: var(--code); border: 1px solid var(--line); margin-bottom: .4rem; }
        pre.output { margin: .2rem 0; white-space: pre-wrap; }
        div.output { overflow-x: auto; padding: .3rem 0; }
        pre.error, pre.stderr { border-left: 3px solid var(--bad); color: var(--bad); }
        details.fold { border: 1px solid var(--line); border-radius: 4px; padding: .3rem .8rem; margin: .6rem 0; }
        details.fold > summary { cursor: pointer; font-weight: 600; }
        pre.raw { white-space: pre-wrap; margin-top: 0; }
        .not-run, .label { color: var(--c); font-style: italic; margin: .2rem 0; } .label { font-size: .875em; }
        span.no-picture { border: 1px dashed var(--line); padding: 0 .3rem; color: var(--c); }
        table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .2rem .55rem; text-align: left; }
        img, svg { max-width: 100%; } img { height: auto; } img.picture { background: #fff; }
        blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid var(--line); }
        .k { color: var(--k); } .s { color: var(--s); } .n { color: var(--n); } .c { color: var(--c); } .d { color: var(--d); }
        .ansi-black-fg { color: var(--black); } .ansi-red-fg { color: var(--red); } .ansi-green-fg { color: var(--green); }
          .ansi-yellow-fg { color: var(--yellow); }
        .ansi-blue-fg { color: var(--blue); } .ansi-magenta-fg { color: var(--magenta); } .ansi-cyan-fg { color: var(--cyan); }
          .ansi-white-fg { color: var(--white); }
        .ansi-black-intense-fg { color: var(--black2); } .ansi-red-intense-fg { color: var(--red2); }
          .ansi-green-intense-fg { color: var(--green2); }
        .ansi-yellow-intense-fg { color: var(--yellow2); } .ansi-blue-intense-fg { color: var(--blue2); }
          .ansi-magenta-intense-fg { color: var(--magenta2); }
        .ansi-cyan-intense-fg { color: var(--cyan2); } .ansi-white-intense-fg { color: var(--white2); }
        .ansi-rgb-fg { color: var(--l); } @media screen and (prefers-color-scheme: dark) { .ansi-rgb-fg { color: var(--d); } }
        .ansi-inverse { background: var(--text); color: var(--page); } .ansi-inverse, .ansi-ground { print-color-adjust: exact;
          -webkit-print-color-adjust: exact; }
        .ansi-bold { font-weight: 600; } .ansi-faint { opacity: .8; } .ansi-italic { font-style: italic; }
        .ansi-underline { text-decoration: underline; } .ansi-strike { text-decoration: line-through; }
          .ansi-underline.ansi-strike { text-decoration: underline line-through; }
        @media print { .skip, nav { display: none; } main { max-width: none; padding: 0; } pre { white-space: pre-wrap;
          break-inside: avoid-page; }
          h1, h2, h3, h4 { break-after: avoid-page; } div.output, .slick-figure { break-inside: avoid-page; overflow-x: visible; } }

        """;
}
