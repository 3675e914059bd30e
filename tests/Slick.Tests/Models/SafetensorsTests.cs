using System.Buffers.Binary;
using System.Text;
using Slick.Models;
using Slick.Runtime;
using Slick.Text;
using static TorchSharp.torch;

namespace Slick.Tests.Models;

public sealed class SafetensorsTests : IDisposable
{
    private readonly string _folder = Scratch.Folder("safetensors");

    private string Path => System.IO.Path.Combine(_folder, "model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Write()
    {
        NativeLibraries.Load();
        using var scope = NewDisposeScope();
        Safetensors.Write(Path, [("a", arange(6, ScalarType.Float32).view(2, 3)), ("b", tensor(7L))]);
    }

    [Fact]
    public void WrittenTensors_ReadBackEqual()
    {
        Write();
        using var scope = NewDisposeScope();
        var file = Safetensors.Open(Path);
        Assert.Equal(["a", "b"], file.Names.Order());
        Assert.Equal([0f, 1, 2, 3, 4, 5], HostTransfer.Read<float>(file.Read("a")));
        Assert.Equal([2L, 3L], file.Shape("a"));
        Assert.Equal([7L], HostTransfer.Read<long>(file.Read("b")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(40)]
    [InlineData(-1)]
    public void TruncatedFile_IsAOneLineErrorWithItsPath(int keep)
    {
        Write();
        var bytes = File.ReadAllBytes(Path);
        File.WriteAllBytes(Path, bytes[..(keep >= 0 ? keep : bytes.Length + keep)]);
        var error = Assert.Throws<SlickException>(() => Safetensors.Open(Path));
        AssertNamed(error);
        Assert.Contains("copy or make it again", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("delete", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model-0123456789abcdef", "")]
    [InlineData("partial-run-0123456789abcdef", "")]
    [InlineData("partial-model-0123456789abcdef", "done-1")]
    public void DamagedResultOfAStore_IsToBeDeleted(string stage, string below)
    {
        Write();
        var folder = System.IO.Path.Combine(_folder, "store", stage);
        var path = System.IO.Path.Combine(Directory.CreateDirectory(System.IO.Path.Combine(folder, below)).FullName, "model.safetensors");
        File.WriteAllBytes(path, File.ReadAllBytes(Path)[..20]);
        Assert.DoesNotContain("delete", Assert.Throws<SlickException>(() => Safetensors.Open(path)).Message, StringComparison.Ordinal);
        File.WriteAllText(System.IO.Path.Combine(_folder, "store", "store.json"), """{"format":1}""");
        Assert.Contains($"delete its folder {folder} and run again", Assert.Throws<SlickException>(() => Safetensors.Open(path)).Message,
            StringComparison.Ordinal);
        // A user's own folder in the same place.
        var own = System.IO.Path.Combine(Directory.CreateDirectory(System.IO.Path.Combine(_folder, "store", "my-model")).FullName,
            "model.safetensors");
        File.Copy(path, own);
        Assert.DoesNotContain("delete", Assert.Throws<SlickException>(() => Safetensors.Open(own)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,-4]}}""")]
    [InlineData("""{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":""")]
    [InlineData("[]")]
    public void HeaderThatLies_IsRefusedBeforeAnythingIsRead(string header)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, 8);
        File.WriteAllBytes(Path, bytes);
        AssertNamed(Assert.Throws<SlickException>(() => Safetensors.Open(Path)));
    }

    [Fact]
    public void HeaderLongerThanTheFile_IsRefused()
    {
        File.WriteAllBytes(Path, [255, 255, 255, 255, 255, 255, 255, 127, 1, 2]);
        AssertNamed(Assert.Throws<SlickException>(() => Safetensors.Open(Path)));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("""{"model":{"type":"BPE"}}""")]
    [InlineData("""{"version":"1.0"}""")]
    public void DamagedTokenizer_IsNamed(string json)
    {
        var path = System.IO.Path.Combine(_folder, "tokenizer.json");
        File.WriteAllText(path, json);
        Assert.Contains(path, Assert.Throws<SlickException>(() => TokenizerJson.Read(path)).Message, StringComparison.Ordinal);
    }

    private void AssertNamed(SlickException error)
    {
        Assert.StartsWith(Path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
