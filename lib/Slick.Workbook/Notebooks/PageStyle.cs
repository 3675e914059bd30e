namespace Slick.Workbook.Notebooks;

/// <summary>The look of an exported page.</summary>
internal static class PageStyle
{
    public const string Css = """
        :root { color-scheme: light dark; --text: #1d2129; --page: #ffffff; --code: #f4f5f7; --line: #d6d9de; --link: #0b57b0;
          --k: #8250a8; --s: #1a6e3c; --n: #0a5a9c; --c: #68707c; --d: #8a5a00; --bad: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --text: #e3e5e8; --page: #16181c; --code: #20242a; --line: #3a4048; --link: #7ab5ff;
          --k: #c9a0ec; --s: #83d19b; --n: #83bff5; --c: #959daa; --d: #e0b060; --bad: #ff8a80; } }
        body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif; }
        main { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
        a { color: var(--link); }
        .skip { position: fixed; right: 1rem; bottom: 1rem; padding: .25rem .6rem; background: var(--code); border: 1px solid var(--line); border-radius: 4px; z-index: 1; }
        nav ul { list-style: none; padding-left: 0; }
        nav .h2 { padding-left: 1.2rem; } nav .h3, nav .h4, nav .h5, nav .h6 { padding-left: 2.4rem; }
        pre { overflow-x: auto; padding: .7rem .9rem; border-radius: 4px; font: 13.5px/1.45 ui-monospace, Consolas, Menlo, monospace; }
        pre.source { background: var(--code); border: 1px solid var(--line); margin-bottom: .4rem; }
        pre.output { margin: .2rem 0; white-space: pre-wrap; }
        div.output { overflow-x: auto; padding: .3rem 0; }
        pre.error, pre.stderr { border-left: 3px solid var(--bad); color: var(--bad); }
        .not-run { color: var(--c); font-style: italic; margin: .2rem 0; }
        table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: .2rem .55rem; text-align: left; }
        img, svg { max-width: 100%; }
        .k { color: var(--k); } .s { color: var(--s); } .n { color: var(--n); } .c { color: var(--c); } .d { color: var(--d); }
        @media print { .skip { display: none; } }

        """;
}
