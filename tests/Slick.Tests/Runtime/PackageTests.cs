using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Slick.Tests.Runtime;

/// <summary>Which build of libtorch a build asks for; nothing is restored, the project is only evaluated.</summary>
public sealed class PackageTests
{
    private static async Task<IEnumerable<string>> Packages(string device, string platform)
    {
        var project = Path.Combine(Shared.Repository, "lib", "Slick", "Slick.csproj");
        var start = new ProcessStartInfo("dotnet",
            ["msbuild", project, "-getItem:PackageReference", $"-p:TorchDevice={device}",
            $"-p:TorchPlatform={platform}"]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return JsonNode.Parse(output)!["Items"]!["PackageReference"]!.AsArray().Select(p => (string)p!["Identity"]!)
            .Where(p => p.Contains("torch", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("cuda", "windows", "TorchSharp-cuda-windows")]
    [InlineData("cuda", "linux", "TorchSharp-cuda-linux")]
    [InlineData("cpu", "windows", "TorchSharp", "libtorch-cpu-win-x64")]
    [InlineData("cpu", "linux", "TorchSharp", "libtorch-cpu-linux-x64")]
    [InlineData("cpu", "osx", "TorchSharp", "libtorch-cpu-osx-arm64")]
    public async Task TorchDevice_ChoosesTheBuildOfLibtorch(string device, string platform, params string[] expected) =>
        Assert.Equal(expected, await Packages(device, platform));
}
