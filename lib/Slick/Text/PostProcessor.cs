namespace Slick.Text;

/// <summary>Reads the post-processors of tokenizer.json, as far as they add ids before and after one text.</summary>
internal static class PostProcessor
{
    /// <summary>The ids that are put before and after a text.</summary>
    public static (int[] Before, int[] After) Read(JsonPlace place)
    {
        if (place.IsNothing) return ([], []);
        switch (place["type"].Text())
        {
            case "ByteLevel": // changes offsets only
                return ([], []);
            case "Sequence":
                var (before, after) = (Array.Empty<int>(), Array.Empty<int>());
                foreach (var processor in place["processors"].Items())
                {
                    var (b, a) = Read(processor);
                    if (b.Length + a.Length > 0 && before.Length
                        + after.Length > 0) throw processor.Wrong("a second processor that adds ids is not supported");
                    (before, after) = ([.. b, .. before], [.. after, .. a]);
                }
                return (before, after);
            case "TemplateProcessing":
                return Template(place);
            case "BertProcessing" or "RobertaProcessing":
                return ([Pair(place["cls"])], [Pair(place["sep"])]);
            case var other:
                throw place["type"].Wrong($"the post-processor '{other}' is not supported");
        }
    }

    private static int Pair(JsonPlace place) => place.Items().ToArray() is [_, var id] ? id.Id()
        : throw place.Wrong("expected are a token and its id");

    private static (int[] Before, int[] After) Template(JsonPlace place)
    {
        var (before, after) = (new List<int>(), new List<int>());
        var seen = false;
        foreach (var item in place["single"].Items())
        {
            if (!item["Sequence"].IsNothing)
            {
                if (seen || item["Sequence"]["id"].Text() != "A") throw item.Wrong("expected is one sequence A");
                seen = true;
                continue;
            }
            var token = place["special_tokens"][item["SpecialToken"]["id"].Text()];
            (seen ? after : before).AddRange(token["ids"].Items().Select(p => p.Id()));
        }
        return seen ? ([.. before], [.. after]) : throw place["single"].Wrong("the sequence A is missing");
    }
}
