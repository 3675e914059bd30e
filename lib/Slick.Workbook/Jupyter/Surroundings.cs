using System.Runtime.InteropServices;

namespace Slick.Workbook.Jupyter;

/// <summary>The parts of a machine that matter here: the system, the environment and some folders.</summary>
/// <param name="System">The operating system.</param>
/// <param name="Variable">Gives the value of an environment variable; null where it is not set.</param>
/// <param name="Home">The user's home folder.</param>
/// <param name="Current">The current folder.</param>
/// <param name="DotnetRoot">The folder of the .NET that this program runs with.</param>
internal sealed record Surroundings(OSPlatform System, Func<string, string?> Variable, string Home, string Current, string DotnetRoot)
{
    /// <summary>The surroundings of this process.</summary>
    public static Surroundings Here { get; } = new(
        OperatingSystem.IsWindows() ? OSPlatform.Windows : OperatingSystem.IsMacOS() ? OSPlatform.OSX : OSPlatform.Linux,
        name => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null,
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
        Environment.CurrentDirectory,
        // .../shared/Microsoft.NETCore.App/10.0.0/
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")).TrimEnd(Path.DirectorySeparatorChar));

    /// <summary>Path of the program <c>dotnet</c> in <see cref="DotnetRoot"/>. A program that was published with its own runtime has no
    /// such file there.</summary>
    public string Dotnet => Path.Combine(DotnetRoot, Program("dotnet"));

    /// <summary>The file name of a program on this system.</summary>
    public string Program(string name) => System == OSPlatform.Windows ? name + ".exe" : name;

    /// <summary>
    /// The folder of the user's own Jupyter data (https://docs.jupyter.org/en/latest/use/jupyter-directories.html).
    /// </summary>
    public string JupyterData =>
        Variable("JUPYTER_DATA_DIR")
        ?? (System == OSPlatform.Windows ? Path.Combine(Variable("APPDATA") ?? Path.Combine(Home, "AppData", "Roaming"), "jupyter")
        : System == OSPlatform.OSX ? Path.Combine(Home, "Library", "Jupyter")
        : Path.Combine(Variable("XDG_DATA_HOME") ?? Path.Combine(Home, ".local", "share"), "jupyter"));

    /// <summary>True where the small program that starts a tool finds .NET without being told its folder.</summary>
    public bool DotnetIsInADefaultPlace
    {
        get
        {
            string[] places = System == OSPlatform.Windows ? [Path.Combine(Variable("ProgramFiles") ?? @"C:\Program Files", "dotnet")]
                : System == OSPlatform.OSX ? ["/usr/local/share/dotnet"] : ["/usr/share/dotnet", "/usr/lib/dotnet"];
            return places.Contains(DotnetRoot, System == OSPlatform.Linux ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
        }
    }
}
