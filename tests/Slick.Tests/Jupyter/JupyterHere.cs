using System.Diagnostics;
using Slick.Experiments;

namespace Slick.Tests.Jupyter;

/// <summary>Jupyter's client and the tool dotnet-interactive, where they are; tests that need them skip, by name, elsewhere.</summary>
internal static class JupyterHere
{
    private static readonly Lazy<string?> Python = new(() => new[] { "python3", "/usr/bin/python3", "python" }
        .FirstOrDefault(python => Works(python, "-c", "import jupyter_client, nbclient, nbformat")));

    // A folder of Jupyter data with the kernel, written by the program itself; null where the tool cannot be restored.
    private static readonly Lazy<string?> Data = new(() =>
    {
        if (!Works("dotnet", "tool", "restore")) return null;
        var prefix = Scratch.Folder("jupyter");
        if (!Works("dotnet", Path.Combine(AppContext.BaseDirectory, "slick.dll"), "jupyter", "install", "--prefix", prefix))
            throw new InvalidOperationException("slick jupyter install failed.");
        return Path.Combine(prefix, "share", "jupyter");
    });

    private static string Script => Path.Combine(Shared.Repository, "tests", "Slick.Tests", "Jupyter", "client.py");

    /// <summary>Skips the test where something is missing, with the command that brings it.</summary>
    public static void Require()
    {
        if (Python.Value is null)
            Assert.Skip(
                "no Python here has jupyter_client and nbclient "
                + "(Debian: apt-get install python3-jupyter-client python3-nbclient; elsewhere: pip install jupyter_client nbclient)");
        if (Data.Value is null)
            Assert.Skip("the tool dotnet-interactive cannot be restored here (dotnet tool restore)");
        RequireBuild();
    }

    /// <summary>Skips the test where setup.csx would load another build than the one under test.</summary>
    public static void RequireBuild()
    {
        if (!AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}",
            StringComparison.Ordinal))
            Assert.Skip("notebooks load the Release build: dotnet run -c Release --project tests/Slick.Tests");
    }

    /// <summary>Runs client.py and returns what it printed.</summary>
    public static async Task<(int Code, string Output, string Errors)> Client(
        string mode, string folder, string argument, string input, CancellationToken cancel)
    {
        var info = new ProcessStartInfo(Python.Value!,
            [Script, mode, ".net-csharp", folder, .. argument.Length > 0 ? [argument] : Array.Empty<string>()])
        {
            Environment = { ["JUPYTER_PATH"] = Data.Value },
        };
        return await Run(info, input, cancel);
    }

    /// <summary>What Jupyter says of the kernels in a folder of its data, as JSON.</summary>
    public static Task<(int Code, string Output, string Errors)> Kernels(string data, CancellationToken cancel) =>
        Run(new ProcessStartInfo(Python.Value!, ["-m", "jupyter_client.kernelspecapp", "list", "--json"])
            { Environment = { ["JUPYTER_PATH"] = data } }, "", cancel);

    /// <summary>Runs a program to its end; it is ended with the test.</summary>
    public static async Task<(int Code, string Output, string Errors)> Run(ProcessStartInfo info, string input, CancellationToken cancel)
    {
        (info.RedirectStandardInput, info.RedirectStandardOutput, info.RedirectStandardError) = (true, true, true);
        using var process = Process.Start(info)!;
        try
        {
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancel), process.StandardError.ReadToEndAsync(cancel));
            await process.StandardInput.WriteAsync(input.AsMemory(), cancel);
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancel);
            return (process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    private static bool Works(string program, params string[] words)
    {
        var info = new ProcessStartInfo(program, words)
            { WorkingDirectory = Shared.Repository, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(info)!;
            process.OutputDataReceived += (_, _) => { };
            process.BeginOutputReadLine();
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
