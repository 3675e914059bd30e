using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Slick.Experiments;
using Slick.Workbook;
using Slick.Workbook.Jupyter;

namespace Slick.Tests.Jupyter;

/// <summary>Where the kernel's file goes, and how the tool is found, with folders of the test's own.</summary>
public sealed class KernelSpecTests : IDisposable
{
    private const string Package = "microsoft.dotnet-interactive", Library = "Microsoft.DotNet.Interactive.App.dll";
    private readonly string _home = Scratch.Folder("home");

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private Surroundings On(OSPlatform system, string current = "work", string root = "/usr/share/dotnet",
        params (string Name, string Value)[] variables) =>
        new(system, name => variables.FirstOrDefault(v => v.Name == name).Value, _home,
            Directory.CreateDirectory(Path.Combine(_home, current)).FullName, root);

    private string Write(string file, string text = "")
    {
        var path = Path.Combine(_home, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Manifest(string version) =>
        new JsonObject { ["tools"] = new JsonObject { [Package] = new JsonObject { ["version"] = version } } }.ToJsonString();

    [Fact]
    public void DataFolder_IsJupyters_OnEachSystem()
    {
        Assert.Equal(Path.Combine(_home, ".local", "share", "jupyter"), On(OSPlatform.Linux).JupyterData);
        Assert.Equal(Path.Combine("/x", "jupyter"), On(OSPlatform.Linux, variables: ("XDG_DATA_HOME", "/x")).JupyterData);
        Assert.Equal(Path.Combine(_home, "Library", "Jupyter"), On(OSPlatform.OSX).JupyterData);
        Assert.Equal(Path.Combine(@"C:\R", "jupyter"), On(OSPlatform.Windows, variables: ("APPDATA", @"C:\R")).JupyterData);
        Assert.Equal(Path.Combine(_home, "AppData", "Roaming", "jupyter"), On(OSPlatform.Windows).JupyterData);
        foreach (var system in new[] { OSPlatform.Linux, OSPlatform.OSX, OSPlatform.Windows })
            Assert.Equal("/d", On(system, variables: ("JUPYTER_DATA_DIR", "/d")).JupyterData);
    }

    [Fact]
    public void Tool_OfAManifestAbove_IsNamedByItsPath()
    {
        var manifest = Write("work/.config/dotnet-tools.json", Manifest("1.2.3"));
        var library = Write($".nuget/packages/{Package}/1.2.3/tools/net10.0/any/{Library}");
        Write(".dotnet/tools/dotnet-interactive");
        var tool = KernelTool.Find(On(OSPlatform.Linux, "work/a/b"), null);
        Assert.Equal(["/usr/share/dotnet/dotnet", library], tool.Command);
        Assert.Equal($"{manifest}, version 1.2.3", tool.Origin);
        // The repository's manifest, from a folder elsewhere; another package folder.
        var elsewhere = Write($"cache/{Package}/1.2.3/tools/net10.0/any/{Library}");
        var other = On(OSPlatform.Linux, "other", variables: ("NUGET_PACKAGES", Path.Combine(_home, "cache")));
        Assert.Equal(elsewhere, KernelTool.Find(other, Path.Combine(_home, "work")).Command[1]);
    }

    [Fact]
    public void Tool_ThatIsGlobal_OrOnThePath_IsTakenWithoutAManifest()
    {
        var onPath = Write("bin/dotnet-interactive");
        var path = ("PATH", string.Join(Path.PathSeparator, Path.Combine(_home, "empty"), Path.Combine(_home, "bin")));
        Assert.Equal([onPath], KernelTool.Find(On(OSPlatform.Linux, variables: path), null).Command);
        var global = Write(".dotnet/tools/dotnet-interactive");
        Assert.Equal([global], KernelTool.Find(On(OSPlatform.Linux, variables: path), null).Command);
        var windows = Write(".dotnet/tools/dotnet-interactive.exe");
        Assert.Equal([windows], KernelTool.Find(On(OSPlatform.Windows), null).Command);
        var moved = Write("cli/.dotnet/tools/dotnet-interactive");
        Assert.Equal([moved],
            KernelTool.Find(On(OSPlatform.Linux, variables: ("DOTNET_CLI_HOME", Path.Combine(_home, "cli"))), null).Command);
    }

    [Fact]
    public void MissingTool_SaysWhichCommandBringsIt()
    {
        Assert.Contains("dotnet tool install -g",
            Assert.Throws<SlickException>(() => KernelTool.Find(On(OSPlatform.Linux), null)).Message, StringComparison.Ordinal);
        var manifest = Write("work/.config/dotnet-tools.json", Manifest("1.2.3"));
        var message = Assert.Throws<SlickException>(() => KernelTool.Find(On(OSPlatform.Linux), null)).Message;
        Assert.Contains(manifest, message, StringComparison.Ordinal);
        Assert.Contains($"\"dotnet tool restore\" in {Path.Combine(_home, "work")}", message, StringComparison.Ordinal);
        Write("work/.config/dotnet-tools.json", "{");
        Assert.Contains(manifest,
            Assert.Throws<SlickException>(() => KernelTool.Find(On(OSPlatform.Linux), null)).Message, StringComparison.Ordinal);
        Assert.Contains("--tool",
            Assert.Throws<SlickException>(() => KernelTool.At("gone.dll", On(OSPlatform.Linux))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void File_AsksForInterruptsAsMessages_AndSetsDotnetRootOnlyWhereNeeded()
    {
        var tool = new KernelTool(["/t/dotnet-interactive"], "");
        var json = JsonNode.Parse(KernelSpec.Json(tool, KernelSpec.DefaultName, On(OSPlatform.Linux)))!;
        Assert.Equal(["/t/dotnet-interactive", "jupyter", "--default-kernel", "csharp", "--http-local-only",
            "--http-port-range", "0-1", "{connection_file}"], json["argv"]!.AsArray().Select(w => (string)w!));
        Assert.Equal((".NET (C#)", "C#", "message"),
            ((string)json["display_name"]!, (string)json["language"]!, (string)json["interrupt_mode"]!));
        Assert.Null(json["env"]!["DOTNET_ROOT"]);
        json = JsonNode.Parse(KernelSpec.Json(tool, "mine", On(OSPlatform.Linux, root: "/opt/dotnet")))!;
        Assert.Equal((".NET (C#), mine", "/opt/dotnet"), ((string)json["display_name"]!, (string)json["env"]!["DOTNET_ROOT"]!));
    }

    [Fact]
    public void KernelOfAnotherMaker_IsReplacedOnlyByForce()
    {
        var data = Path.Combine(_home, "data");
        var ours = KernelSpec.Json(new(["/t"], ""), KernelSpec.DefaultName, On(OSPlatform.Linux));
        var file = KernelSpec.Install(data, KernelSpec.DefaultName, ours, force: false);
        Assert.Equal(Path.Combine(data, "kernels", ".net-csharp", "kernel.json"), file);
        Assert.Equal(file, KernelSpec.Install(data, KernelSpec.DefaultName, ours, force: false));
        foreach (var other in new[] { "{\"argv\": [\"dotnet\", \"interactive\"]}", "{\"metadata\": {\"written_by\": 3}}", "not JSON" })
        {
            File.WriteAllText(file, other);
            var message = Assert.Throws<SlickException>(() => KernelSpec.Install(data, KernelSpec.DefaultName, ours, force: false)).Message;
            Assert.Contains(file, message, StringComparison.Ordinal);
            Assert.Contains("--force", message, StringComparison.Ordinal);
            Assert.Equal(other, File.ReadAllText(file));
        }
        KernelSpec.Install(data, KernelSpec.DefaultName, ours, force: true);
        Assert.Equal(ours, File.ReadAllText(file));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("...")]
    [InlineData("a/b")]
    [InlineData("../a")]
    [InlineData("a\n")]
    public void NameThatIsNoFolderInKernels_IsAUsersMistake_AndWritesNothing(string name)
    {
        var data = Path.Combine(_home, "data");
        Assert.Throws<UsageException>(() => KernelSpec.Install(data, name, "{}", force: true));
        Assert.False(Directory.Exists(data));
    }

    [Fact]
    public async Task Program_WritesAKernelThatJupyterLists()
    {
        var slick = Path.Combine(AppContext.BaseDirectory, "slick.dll");
        var cancel = TestContext.Current.CancellationToken;
        var program = Write("tools/dotnet-interactive");
        var (code, output, errors) = await JupyterHere.Run(
            new ProcessStartInfo("dotnet", [slick, "jupyter", "install", "--prefix", _home, "--tool", program]), "", cancel);
        Assert.Equal((0, ""), (code, errors));
        var file = Path.Combine(_home, "share", "jupyter", "kernels", ".net-csharp", "kernel.json");
        Assert.Equal([$"Kernel: {file}", $"Starts: {program} ({program})"], output.TrimEnd().Split(Environment.NewLine));
        Assert.Equal(program, (string)JsonNode.Parse(await File.ReadAllTextAsync(file, cancel))!["argv"]![0]!);
        (code, output, _) = await JupyterHere.Run(new ProcessStartInfo("dotnet", [slick, "jupyter"]), "", cancel);
        Assert.Equal(0, code);
        Assert.Contains("install", output, StringComparison.Ordinal);
        JupyterHere.Require();
        (code, output, _) = await JupyterHere.Kernels(Path.Combine(_home, "share", "jupyter"), cancel);
        Assert.Equal(0, code);
        Assert.Equal(Path.GetDirectoryName(file), (string)JsonNode.Parse(output)!["kernelspecs"]![".net-csharp"]!["resource_dir"]!);
    }
}
