using System.Text.Json;
using Slick.Answers;
using Slick.Storage;
using Slick.Text;
using Slick.Training;

namespace Slick.Benchmarks;

/// <summary>The work of <c>annotate</c> and <c>train</c> as token ids. A program that reads it does the same work without a
/// tokenizer.</summary>
internal static class WorkFile
{
    public static void Write(string file, Subject subject, IReadOnlyList<Work> work, int examplesOfAStep, int steps)
    {
        var (config, protocol) = (subject.Weights.Config, subject.Protocol);
        var prompts = work.SelectMany(w => w.Prompts.SelectMany(p =>
        {
            var shots = new FewShotPrompt(PromptFormat.QuestionAnswer, p.Exemplars);
            return w.Questions.Select(q => AnswerTokens.Encode(config, subject.Tokenizer, new(q, shots.Text(q), q.Answer)));
        }));
        var rows = subject.Examples(examplesOfAStep * steps).Select(e => TaughtExample.Of(config, subject.Tokenizer, e)).ToList();
        AtomicFile.WriteText(file, JsonSerializer.Serialize(new
        {
            temperature = protocol.Temperature, top_k = protocol.TopK, samples = protocol.Samples, longest = protocol.MaxAnswerTokens,
            ends = Enumerable.Range(0, config.VocabularySize).Where(t => AnswerTokens.Ends(config, subject.Tokenizer, t)),
            asked = prompts.Select(p => new { prompt = p.Alone, gold = p.Gold }),
            examples_a_step = examplesOfAStep,
            taught = rows.Select(r => new { prompt = r.Prompt, target = r.Taught }),
            training_flop = rows.Sum(r => FlopCount.OfTraining(config, r.Length, r.Taught.Length)),
        }));
    }
}
