using System.Buffers.Binary;
using System.Text;
using Slick.Checks;
using Slick.Facts;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Workbook.Notebooks;
using TorchSharp;

namespace Slick.Tests.Fuzz;

/// <summary>Damaged files, and what once went wrong with them, a test for each kind.</summary>
public sealed class FuzzTests : IDisposable
{
    private readonly string folder = Scratch.Folder();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    private string Write(string name, byte[] bytes)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static string Data(string path) => Path.Combine([Shared.Repository, "tests", "data", .. path.Split('/')]);

    private static string Refused(string path, Action read)
    {
        var error = Assert.Throws<SlickException>(read);
        Assert.Contains(Path.GetFileName(path), error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    // A million once: dotnet run -c Release --project tests/Slick.Tests -- --fuzz 1000000
    [Fact]
    public void TwentyThousandDamagedFiles_AreReadOrRefusedByName()
    {
        var (read, failures) = FuzzRun.Run(FuzzTargets.All, 20_000, seed: 1);
        Assert.Empty(failures.Select(f => $"{f.Target}: {f.What} ({f.Count} times, input {f.Input}: {f.File})"));
        Assert.InRange(read, 1000, 10_000); // some damage does no harm; most is seen
    }

    [Fact]
    public void SameSeed_SameDamage()
    {
        var mutator = new Mutator(File.ReadAllBytes(Data("models/llama-tied/config.json")), FileFormat.Json);
        byte[][] Some() => [.. Enumerable.Range(0, 50).Select(i => mutator.Next(new Random(i)))];
        Assert.Equal(Some(), Some());
        Assert.True(Some().Select(Convert.ToHexString).Distinct().Count() > 40);
    }

    // A run that sees nothing would pass.
    [Fact]
    public void WrongReaders_AreCaught()
    {
        FuzzTarget Target(string name, Action<string> read) => new(name, Data("models/llama-tied/config.json"), FileFormat.Json, path =>
        {
            try { _ = DecoderConfig.Read(path); }
            catch (SlickException) { read(path); }
        });
        var (_, failures) = FuzzRun.Run(
        [
            Target("throws", _ => throw new FormatException("a fault")),
            Target("names nothing", _ => throw new SlickException("something is wrong.")),
            Target("fills the memory", path =>
            {
                GC.KeepAlive(new byte[100 << 20]);
                throw new SlickException(path);
            }),
            Target("is right", path => throw new SlickException($"{path}: wrong.")),
        ], 80, seed: 1);
        Assert.Equal(["fills the memory", "names nothing", "throws"],
            failures.Select(f => f.Target).Distinct().Order(StringComparer.Ordinal));
        Directory.Delete(Path.GetDirectoryName(failures[0].File)!, recursive: true);
    }

    [Fact]
    public void Message_IsOneLineAndNotWithoutEnd()
    {
        var error = new SlickException("a\r\nb\u2028" + new string('x', 100_000) + "; do this.");
        Assert.StartsWith("a b x", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("x; do this.", error.Message, StringComparison.Ordinal);
        Assert.InRange(error.Message.Length, 1000, 1600);
    }

    [Fact]
    public void JsonThatIsNotUtf8_IsRefusedByLine()
    {
        byte[] wrong = [.. "{\"a\": \"b\",\n \"c\": \""u8, 0xFF, .. "\"}"u8];
        foreach (var read in (Action<string>[])[p => TokenizerJson.Read(p), p => AnnotationCheck.Read(p, null)])
        {
            var path = Write("a.json", wrong);
            Assert.Contains("a.json:2: not UTF-8", Refused(path, () => read(path)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"model": {"\ud800": 1}}""")]
    [InlineData("""{"\udc00": 1, "model": {}}""")]
    public void HalfACharacterInAKey_IsRefused(string json)
    {
        var path = Write("tokenizer.json", json);
        Refused(path, () => TokenizerJson.Read(path));
    }

    [Theory]
    [InlineData("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 1e9", "normEpsilon = 1000000000")]
    [InlineData("\"hidden_act\": \"silu\"", "\"hidden_act\": \"\\ud800\"", "hidden_act")]
    [InlineData("\"model_type\": \"llama\"", "\"model_type\": \"llama\", \"\\udc00\": 1", "no valid text")]
    [InlineData("\"rope_theta\": 10000.0", "\"rope_scaling\": {\"factor\": 2.0, \"factor\": 4.0}", "factor")]
    public void ConfigWithImpossibleTextOrNumber_IsRefused(string good, string bad, string named)
    {
        var text = File.ReadAllText(Data("models/llama-tied/config.json"));
        Assert.Contains(good, text, StringComparison.Ordinal);
        var path = Write("config.json", text.Replace(good, bad, StringComparison.Ordinal));
        Assert.Contains(named, Refused(path, () => DecoderConfig.Read(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void AnIdFarAboveTheVocabulary_DoesNotFillTheMemory()
    {
        var text = File.ReadAllText(Data("tokenizers/byte-level/tokenizer.json"));
        var path = Write("tokenizer.json", text.Replace("\"<|end|>\": 1,", "\"<|end|>\": 16777215,", StringComparison.Ordinal));
        Assert.Contains("<|end|>", Refused(path, () => TokenizerJson.Read(path)), StringComparison.Ordinal);
        path = Write("tokenizer.json", text.Replace("\"<|end|>\": 1,", "\"<|end|>\": 2000000,", StringComparison.Ordinal)
            .Replace("\"id\": 1,", "\"id\": 2000000,", StringComparison.Ordinal));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.False(TokenizerJson.Read(path).StartsWithLineFeed(1_000_000));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Fact]
    public void TokenThatIsNotThere_IsNamedByTheFileThatAsksForIt()
    {
        File.Copy(Data("tokenizers/byte-fallback/tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        var path = Write("special_tokens_map.json", """{"eos_token": {"content": ""}}""");
        Refused(path, () => TokenizerJson.Read(Path.Combine(folder, "tokenizer.json")));
    }

    private sealed record Row(int Number, string Text, double Value, bool Flag);

    private byte[] Table()
    {
        var path = Path.Combine(folder, "good.parquet");
        Tables.Write(path, [.. Enumerable.Range(0, 20).Select(i => new Row(i, $"row {i % 3}", i / 2.0, i > 5))]);
        Assert.Equal(20, Tables.Read<Row>(path).Count);
        return File.ReadAllBytes(path);
    }

    [Theory]
    [InlineData(0x7FFFFFFF)]
    [InlineData(-1)]
    [InlineData(0)]
    public void TableWithAnImpossibleFooter_IsRefused(int length)
    {
        var bytes = Table();
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(bytes.Length - 8), length);
        var path = Write("a.parquet", bytes);
        Refused(path, () => Tables.Read<Row>(path));
    }

    // The library reads 0xFF for ever behind the end of a footer.
    [Fact]
    public void TableWhoseFooterEndsInTheMiddle_IsRefused()
    {
        var bytes = Table();
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(bytes.Length - 8));
        for (var cut = 1; cut < length; cut += 7)
        {
            var shorter = (byte[])[.. bytes[..(bytes.Length - 8 - cut)], .. BitConverter.GetBytes(length - cut), .. "PAR1"u8];
            var path = Write("a.parquet", shorter);
            Refused(path, () => Tables.Read<Row>(path));
        }
    }

    [Fact]
    public void NotebookOfManyHalfCharacters_IsReadInProportion()
    {
        var path = Write("a.ipynb", """{"cells": [], "metadata": {"a": "HALVES"}, "nbformat": 4, "nbformat_minor": 5}"""
            .Replace("HALVES", string.Concat(Enumerable.Repeat("\\ud800", 20_000)), StringComparison.Ordinal));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("\\ud800\\ud800", Notebook.Load(path).ToJson(), StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Theory]
    [InlineData("""{"P17": "Which country is \ud800[X] in?"}""")]
    [InlineData("""{"P17": "Which country is [X] in?", "\udc00": "a"}""")]
    public void TemplatesWithHalfACharacter_AreRefused(string json)
    {
        var path = Write("relation_query_templates.json", json);
        Refused(path, () => EntityQuestions.ReadTemplates(path, ["P17"]));
    }

    [Theory]
    [InlineData("\"exemplars\": [", "\"exemplars\": [], \"e\": [", "exemplars")]
    [InlineData("\"questions\": [", "\"questions\": [], \"q\": [", "relations")]
    public void AnnotationWithoutPromptsOrQuestions_IsRefused(string good, string bad, string named)
    {
        var path = Write("slick.json", File.ReadAllText(Data("annotation/slick.json")).Replace(good, bad, StringComparison.Ordinal));
        Assert.Contains(named, Refused(path, () => AnnotationCheck.Read(path, null)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.gguf", "GGUF\u0003\0\0\0", "GGUF")]
    [InlineData("model.safetensors", "GGUF\u0003\0\0\0", "GGUF")]
    [InlineData("model.safetensors", "PK\u0003\u0004\u0014\0\u0008\u0008", "zip")]
    [InlineData("weights.zip", "PK\u0003\u0004\u0014\0\u0008\u0008", "unpack")]
    [InlineData("pytorch_model.bin", "PK\u0003\u0004\u0014\0\u0008\u0008", "pickle")]
    [InlineData("model.safetensors", "\u0080\u0002\u008A\nl\u00FC\u009CF", "pickle")]
    [InlineData("model.pt", "\u0080\u0002\u008A\nl\u00FC\u009CF", "pickle")]
    [InlineData("tf_model.h5", "\u0089HDF\r\n\u001A\n", "TensorFlow")]
    public void WeightsInAnotherFormat_AreNamedAsWhatTheyAre(string name, string begin, string named)
    {
        File.Copy(Data("models/llama-tied/config.json"), Path.Combine(folder, "config.json"));
        var path = Write(name, (byte[])[.. Encoding.Latin1.GetBytes(begin), .. new byte[100]]);
        Assert.Contains(named, Refused(path, () => Checkpoint.Load(folder, torch.CPU, trainable: false)), StringComparison.Ordinal);
    }

    [Fact]
    public void GoldenIdBeyondTheVocabulary_IsRefused()
    {
        foreach (var name in (string[])["config.json", "model.safetensors", "golden.json"])
            File.Copy(Data("models/llama-tied/" + name), Path.Combine(folder, name));
        var bytes = File.ReadAllBytes(Data("models/llama-tied/golden.safetensors"));
        var data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes); // input_ids are the first tensor
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(data), 101);
        var path = Write("golden.safetensors", bytes);
        Assert.Contains("input_ids", Refused(path, () =>
            ModelCheck.Run(folder, Compute.Choose("cpu"), 0, Progress.None, CancellationToken.None)), StringComparison.Ordinal);
    }

    [Fact]
    public void ChecksWithoutGoldenFiles_SayHowToMakeThem()
    {
        var path = Path.Combine(folder, "slick.json");
        foreach (var check in (Action[])[() => TokenizerCheck.Run(folder), () => AnnotationCheck.Read(path, null),
            () => ModelCheck.Run(folder, Compute.Choose("cpu"), 0, Progress.None, CancellationToken.None)])
        {
            var message = Assert.Throws<SlickException>(check).Message;
            Assert.Contains("tests/data/make_golden.py", message, StringComparison.Ordinal);
            Assert.Contains("tests/data/README.md", message, StringComparison.Ordinal);
        }
        Assert.True(File.Exists(Data("README.md")) && File.Exists(Data("make_golden.py")));
    }
}
