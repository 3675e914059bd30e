using System.Diagnostics;
using System.Globalization;
using Slick.Experiments;
using Slick.Facts;
using Slick.Text;

namespace Slick.Benchmarks;

/// <summary>
/// Short questions a second through a tokenizer.json: subjects of EntityQuestions, their words dealt anew, so that texts differ as real
/// ones do.
/// </summary>
internal static class TokenizerSpeed
{
    public static void Run(string folder, string data, int count)
    {
        var tokenizer = TokenizerJson.Read(Path.Combine(folder, "tokenizer.json"));
        var facts = EntityQuestions.Read(data).Facts;
        string[] words = [.. facts.SelectMany(f => f.Subject.Split(' ')).Distinct()];
        var random = new Random(1);
        var questions = new string[count];
        for (var i = 0; i < count; i++)
        {
            var fact = facts[random.Next(facts.Count)];
            questions[i] = "Q: " + fact.Question.Replace(fact.Subject,
                $"{words[random.Next(words.Length)]} {words[random.Next(words.Length)]}", StringComparison.Ordinal) + "\nA:";
        }
        foreach (var cores in (int[])[1, Environment.ProcessorCount])
        {
            var tokens = 0L;
            var clock = Stopwatch.StartNew();
            Parallel.ForEach(questions, new ParallelOptions { MaxDegreeOfParallelism = cores }, () => 0L, (q, _, sum) =>
                sum + tokenizer.Encode(q).Length, sum => Interlocked.Add(ref tokens, sum));
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{count:N0} questions, {tokens / (double)count:F1} tokens each, {cores} thread(s): {clock.Elapsed.TotalSeconds:F2} s, "
                + $"{count / clock.Elapsed.TotalSeconds / 1e6:F2} M questions/s"));
        }
    }
}
