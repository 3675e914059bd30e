using System.Globalization;
using System.Text.Json;
using Slick.Answers;
using Slick.Checks;
using Slick.Facts;
using Slick.Knowledge;
using Slick.Models;
using Slick.Runtime;
using Slick.Storage;
using Slick.Text;
using Slick.Workbook.Notebooks;
using TorchSharp;

namespace Slick.Tests.Fuzz;

/// <summary>The table of readers, and the command that gives them damaged files.</summary>
internal static class FuzzTargets
{
    private static readonly string Made = Scratch.Folder("fuzz-good");

    /// <summary>Every reader of files that others wrote. Add one here: a good file, what its bytes mean, how it is read.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("safetensors", Data("models/llama-tied/model.safetensors"), FileFormat.Safetensors, ReadTensors),
        new("checkpoint: safetensors", Data("models/llama-tied/model.safetensors"), FileFormat.Safetensors, ReadModel,
            Data("models/llama-tied/config.json")) { Names = "" },
        new("checkpoint: index of shards", Sharded("model.safetensors.index.json"), FileFormat.Json, ReadModel,
            Data("models/llama-tied/config.json"), Sharded("model-1.safetensors"), Sharded("model-2.safetensors")) { Names = "" },
        new("checkpoint: config.json", Data("models/llama-tied/config.json"), FileFormat.Json, ReadModel,
            Data("models/llama-tied/model.safetensors")),
        new("config.json of Llama 3", Data("models/llama-untied/config.json"), FileFormat.Json, ReadConfig),
        new("config.json of Qwen 2", Data("models/qwen2/config.json"), FileFormat.Json, ReadConfig),
        new("config.json of Gemma 3", Data("models/gemma3/config.json"), FileFormat.Json, ReadConfig),
        new("config.json of GPT-2", Data("models/gpt2/config.json"), FileFormat.Json, ReadConfig),
        new("config.json of GPT-NeoX", Data("models/gpt-neox/config.json"), FileFormat.Json, ReadConfig),
        new("generation_config.json", Text("generation_config.json", """
            {"eos_token_id": [2, 3], "do_sample": true, "temperature": 0.6, "top_p": 0.9, "repetition_penalty": 1.1,
             "suppress_tokens": [1], "bad_words_ids": [[1, 2]], "watermarking_config": {}, "transformers_version": "5.0.0"}
            """), FileFormat.Json, path => ReadConfig(Path.Combine(Path.GetDirectoryName(path)!, "config.json")),
            Data("models/llama-tied/config.json")),
        new("adapter_config.json", Text("adapter_config.json", """
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "../llama-tied", "r": 4, "lora_alpha": 8,
             "lora_dropout": 0.0, "bias": "none", "use_rslora": false, "fan_in_fan_out": false, "target_modules": ["q_proj", "v_proj"],
             "modules_to_save": null, "inference_mode": true}
            """), FileFormat.Json, path => LoraConfig.Read(Path.GetDirectoryName(path)!)),
        new("tokenizer.json, byte level", Data("tokenizers/byte-level/tokenizer.json"), FileFormat.Json, ReadTokenizer),
        new("tokenizer.json, byte fallback", Data("tokenizers/byte-fallback/tokenizer.json"), FileFormat.Json, ReadTokenizer),
        new("tokenizer.json, word level", Data("tokenizers/word-level/tokenizer.json"), FileFormat.Json, ReadTokenizer),
        new("tokenizer.json, all parts", Text("tokenizer.json", AllParts), FileFormat.Json, ReadTokenizer),
        new("tokenizer_config.json", Data("tokenizers/byte-fallback/tokenizer_config.json"), FileFormat.Json, ReadTokenizerBeside,
            Data("tokenizers/byte-fallback/tokenizer.json")),
        new("special_tokens_map.json", Text("special_tokens_map.json", """
            {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false, "rstrip": true, "normalized": false,
             "single_word": false},
             "additional_special_tokens": ["<unk>", {"content": "<new>", "special": true}]}
            """), FileFormat.Json, ReadTokenizerBeside, Data("tokenizers/byte-fallback/tokenizer.json")),
        new("EntityQuestions: questions", Text("P17.test.json", """
            [{"question": "Which country is Oslo located in?", "answers": ["Norway"]},
             {"question": "Which country is Le Mans located in?", "answers": [" France", "French Republic"], "id": 7},
             {"question": "Which country is M\u00fcnchen located in?", "answers": ["Germany"]}]
            """), FileFormat.Json, path => QuestionFile.Read(path, "Which country is [X] located in?", new())),
        new("EntityQuestions: templates", Text("relation_query_templates.json", """
            {"P17": "Which country is [X] located in?", "P19": "Where was [X] born?", "P36": "What is the capital of [X]?"}
            """), FileFormat.Json, path => EntityQuestions.ReadTemplates(path, ["P17", "P19", "P36"])),
        new("own questions: CSV", Text("own.csv", """
            relation,question,answer,subject,split
            capital,"What is the capital of ""X"", Y?",Here,X,train
            capital,What is the capital of Z?, There ,Z,dev

            born,Where was W born?,"Nowhere, really",W,Test
            born,Where was V born?,Málaga,V,dev
            """), FileFormat.Bytes, ReadQuestions),
        new("own questions: JSONL", Text("own.jsonl", """
            {"relation": "capital", "question": "Capital of \"X\"?", "answer": "Here", "subject": "X", "split": "train"}
            {"relation": "capital", "question": "Capital of Z?", "answer": 1969, "subject": "Z", "split": "dev", "more": [1, {}]}
            """), FileFormat.JsonLines, ReadQuestions),
        new("a server's answer", Text("answer.json", """
            {"id": "c", "object": "text_completion", "model": "m", "choices": [{"text": " Rome", "index": 0, "finish_reason": "stop"},
             {"text": " M\u00fcnchen\nQ: ", "index": 1, "logprobs": null}], "usage": {"completion_tokens": 2}}
            """), FileFormat.Json, path => ReadServer(path, CompletionServer.Choices)),
        new("a server's models", Text("models.json", """
            {"object": "list", "data": [{"id": "m", "owned_by": "vllm", "meta": {"n": 1}}, {"id": "n"}]}
            """), FileFormat.Json, path => ReadServer(path, CompletionServer.Models)),
        new("a store's table", Table(), FileFormat.Parquet, path => Tables.Read<Row>(path)),
        new(".ipynb", Text("a.ipynb", Cells), FileFormat.Json, ReadNotebook),
        new("annotation to check", Data("annotation/slick.json"), FileFormat.Json, path => AnnotationCheck.Read(path, null)),
        new("golden.jsonl to check", Data("tokenizers/byte-level/golden.jsonl"), FileFormat.JsonLines,
            path => TokenizerCheck.Run(Path.GetDirectoryName(path)!), Data("tokenizers/byte-level/tokenizer.json")) { Every = 4 },
        new("golden.json to check", Data("models/llama-tied/golden.json"), FileFormat.Json, path => CheckModel(path, 1),
            Data("models/llama-tied/config.json"), Data("models/llama-tied/model.safetensors"), LogitsAlone()) { Every = 20 },
        new("golden.safetensors to check", Data("models/llama-tied/golden.safetensors"), FileFormat.Safetensors, path => CheckModel(path,
            0),
            Data("models/llama-tied/config.json"), Data("models/llama-tied/model.safetensors"),
            Data("models/llama-tied/golden.json")) { Every = 20 },
    ];

    /// <summary>
    /// <c>dotnet run -c Release --project tests/Slick.Tests -- --fuzz INPUTS [--seed N] [--from N] [--target NAME]</c>: prints the
    /// failures, and ends with 1 where there is one.
    /// </summary>
    public static int Run(string[] args)
    {
        string? Option(string name) => Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;
        long Number(string? text, long fallback) => text is null ? fallback : long.Parse(text, CultureInfo.InvariantCulture);
        var chosen = All.Where(t => Option("--target") is not { } name || t.Name.Contains(name, StringComparison.Ordinal)).ToList();
        var inputs = Number(args.FirstOrDefault(), 20_000);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var (read, failures) = FuzzRun.Run(chosen, inputs, (int)Number(Option("--seed"), 1), Console.Out.WriteLine,
            Number(Option("--from"), 0));
        foreach (var failure in failures.OrderBy(f => f.Target, StringComparer.Ordinal))
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"FAILS {failure.Target}: {failure.What} ({failure.Count} times, first input {failure.Input}: {failure.File})"));
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{inputs} inputs for {chosen.Count} readers in "
            + $"{clock.Elapsed.TotalSeconds:F0} s: {read} read, {failures.Count} ways to fail; peak of the process "
            + $"{process.PeakWorkingSet64 >> 20} MB."));
        return failures.Count == 0 ? 0 : 1;
    }

    private static string Data(string path) => Path.Combine([Shared.Repository, "tests", "data", .. path.Split('/')]);

    private static string Text(string name, string text)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(Made, Guid.NewGuid().ToString("N"))).FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Table()
    {
        var path = Text("labels.parquet", "");
        Tables.Write(path, [.. Enumerable.Range(0, 50).Select(i =>
            new Row(i, "P17", Split.Train, $"Which country is {i} located in?", i / 50.0, double.NaN, (Category)(i % 4), i % 3 == 0))]);
        return path;
    }

    // A column of each type that a table has.
    private sealed record Row(int FactId, string Relation, Split Split, string Question, double Correct, double Probability,
        Category Category, bool Known);

    // The tiny model in two files with an index.
    private static string Sharded(string name)
    {
        var folder = Path.Combine(Made, "sharded");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            var whole = Safetensors.Open(Data("models/llama-tied/model.safetensors"));
            using var scope = torch.NewDisposeScope();
            string[] names = [.. whole.Names.Order(StringComparer.Ordinal)];
            string[][] parts = [names[..(names.Length / 2)], names[(names.Length / 2)..]];
            for (var i = 0; i < 2; i++)
                Safetensors.Write(Path.Combine(folder, $"model-{i + 1}.safetensors"), parts[i].Select(n => (n, whole.Read(n))));
            File.WriteAllText(Path.Combine(folder, "model.safetensors.index.json"), "{\"metadata\": {}, \"weight_map\": {"
                + string.Join(", ", parts.SelectMany((p, i) => p.Select(n => $"\"{n}\": \"model-{i + 1}.safetensors\""))) + "}}");
        }
        return Path.Combine(folder, name);
    }

    // Golden logits without labels: no step is made, but the settings of the steps are read.
    private static string LogitsAlone()
    {
        var path = Text("golden.safetensors", "");
        var whole = Safetensors.Open(Data("models/llama-tied/golden.safetensors"));
        using var scope = torch.NewDisposeScope();
        Safetensors.Write(path, new[] { "input_ids", "logits" }.Select(n => (n, whole.Read(n))));
        return path;
    }

    private static void ReadTensors(string path)
    {
        var file = Safetensors.Open(path);
        foreach (var name in file.Names)
            using (file.Read(name)) { }
    }

    private static void ReadQuestions(string path) => OwnQuestions.Read(path, new(), seed: 1, shots: 1, prompts: 2);

    private static void ReadServer<T>(string path, Func<JsonElement, T> read)
    {
        try { ServerConnection.Parse(File.ReadAllBytes(path), read, () => ""); }
        catch (ServerConnection.FaultException e) { throw new SlickException($"{path}: {e.Message}", e); }
    }

    private static void ReadConfig(string path) => _ = DecoderConfig.Read(path);

    private static void ReadModel(string path)
    {
        using var weights = Checkpoint.Load(Path.GetDirectoryName(path)!, torch.CPU, trainable: false);
        using var decoder = new Decoder(weights);
    }

    private static void ReadTokenizerBeside(string path) => ReadTokenizer(Path.Combine(Path.GetDirectoryName(path)!, "tokenizer.json"));

    private static void ReadTokenizer(string path)
    {
        var tokenizer = TokenizerJson.Read(path);
        var ids = tokenizer.Encode("Q: Where is  \u00C5lesund?\nA: in Norway<s> 1234 \U0001F600\t(aaaa) <x>\r\n\n");
        _ = tokenizer.Decode(ids);
        _ = tokenizer.EncodePrompt("");
        for (var id = 0; id < Math.Min(tokenizer.VocabularySize, 1000); id++) _ = tokenizer.StartsWithLineFeed(id);
    }

    private static void ReadNotebook(string path)
    {
        var notebook = Notebook.Load(path);
        foreach (var cell in notebook.Cells) _ = cell.Source + string.Concat(cell.PlainOutputs()) + string.Concat(cell.Tags);
        _ = notebook.ToJson();
    }

    private static void CheckModel(string path, int steps) => _ = ModelCheck.Run(Path.GetDirectoryName(path)!, Compute.Choose("cpu"), steps,
        Progress.None, CancellationToken.None);

    private const string Cells = """
        {"cells": [
          {"cell_type": "markdown", "id": "intro", "metadata": {}, "source": ["# Title\n", "text"]},
          {"cell_type": "code", "execution_count": 3, "id": "sum", "metadata": {"tags": ["parameters"]}, "source": "var n = 1;",
           "outputs": [{"output_type": "stream", "name": "stdout", "text": ["a\n", "\u001b[31mb"]},
             {"output_type": "display_data", "data": {"text/plain": "c", "text/html": "<b>c</b>"}, "metadata": {}},
             {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}]},
          {"cell_type": "raw", "id": "raw", "metadata": {}, "source": []}],
         "metadata": {"kernelspec": {"name": ".net-csharp", "display_name": ".NET (C#)", "language": "C#"}},
         "nbformat": 4, "nbformat_minor": 5}
        """;

    private const string AllParts = """
        {"version": "1.0",
         "added_tokens": [{"id": 9, "content": "<x>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true,
           "special": false}],
         "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
           {"type": "NFKC"},
           {"type": "Strip", "strip_left": false, "strip_right": true}, {"type": "Prepend", "prepend": "!"},
           {"type": "Replace", "pattern": {"Regex": "[0-9]{2}(?=a)|b+"}, "content": "0"}]},
         "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
           {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+"},
            "behavior": "Isolated", "invert": false},
           {"type": "Digits", "individual_digits": true}, {"type": "Punctuation", "behavior": "MergedWithNext"},
           {"type": "WhitespaceSplit"},
           {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": true}]},
         "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing",
           "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
           "special_tokens": {"a": {"id": "a", "ids": [0], "tokens": ["a"]}}}]},
         "decoder": {"type": "Sequence", "decoders": [{"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"},
           {"type": "Replace", "pattern": {"String": "!"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
           {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
         "model": {"type": "BPE", "dropout": null, "unk_token": "?", "fuse_unk": true, "byte_fallback": false, "ignore_merges": true,
           "vocab": {"a": 0, "b": 1, "n": 2, "_": 3, "an": 4, "_an": 5, "?": 6, "<0x0A>": 7, "!": 8},
           "merges": ["a n", ["_", "an"]]}}
        """;
}
