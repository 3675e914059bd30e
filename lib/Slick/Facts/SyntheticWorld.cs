using Slick.Runtime;

namespace Slick.Facts;

/// <summary>
/// A world of invented facts whose statements are all counted. So it is known how often a model that reads the world's documents was told
/// each fact, and how often it was told something else. Names carry evidence, as real names do: parts of them belong to regions.
/// </summary>
public sealed class SyntheticWorld
{
    private const int NamesPerRegion = 40;

    private sealed record Thing(string Name, int Region);

    private readonly WorldOptions options;
    private readonly int seed;
    private readonly List<int> regionOf = []; // the region of each fact's subject

    /// <summary>The relations of every world: the paper's 12 in distribution and 7 out of distribution.</summary>
    public static IReadOnlyList<Relation> Relations { get; } =
        [.. WorldRelation.All.Select(r => new Relation(r.Id, r.Question, r.InDistribution))];

    /// <summary>The facts.</summary>
    public Dataset Dataset { get; }

    /// <summary>How often one pass over <see cref="Documents"/> states each fact, by the fact's id: [facts].</summary>
    public IReadOnlyList<ExposureRow> Exposures { get; }

    /// <summary>All documents. Each ends with a line feed.</summary>
    public IReadOnlyList<string> Documents { get; }

    private SyntheticWorld(WorldOptions options, int seed)
    {
        (this.options, this.seed) = (options, seed);
        if (options.LadderFacts % Ladder.Steps != 0 || options.LadderFacts > options.TrainFacts) throw new UsageException(
            $"world.ladderFacts = {options.LadderFacts}: a multiple of {Ladder.Steps} is needed, for as many groups, and no more than "
            + $"world.trainFacts = {options.TrainFacts}.");
        (Dataset, Exposures) = MakeFacts();
        Documents = WriteDocuments();
    }

    /// <summary>Makes a world. The same options and seed give the same facts and documents.</summary>
    /// <param name="options">The world's options.</param>
    /// <param name="seed">The world's seed.</param>
    /// <exception cref="UsageException">An option is out of its range, or the names or objects do not suffice for the facts.</exception>
    public static SyntheticWorld Create(WorldOptions options, int seed) => new(OptionRanges.Check(options, "world"), seed);

    private RandomStream Part(int number) => new(Seeds.Mix(seed, number));

    private (Dataset Dataset, IReadOnlyList<ExposureRow> Exposures) MakeFacts()
    {
        var words = new Words(Part(1));
        var random = Part(2);
        var first = Enumerable.Range(0, options.Regions).Select(_ => words.Take(NamesPerRegion)).ToArray();
        var last = words.Take(options.Regions * NamesPerRegion);
        var used = new HashSet<string>();
        string NewName(int region, double fidelity)
        {
            for (var attempt = 0; attempt < 100_000; attempt++)
            {
                var r = random.NextDouble() < fidelity ? region : random.Next(options.Regions);
                var name = first[r][random.Next(NamesPerRegion)] + " " + last[random.Next(last.Length)];
                if (used.Add(name)) return name;
            }
            throw new UsageException(
                $"A world of {options.Regions} regions has too few names for its facts; raise world.regions or lower the numbers of "
                + $"facts.");
        }
        var pools = WorldRelation.PoolSizes.ToDictionary(p => p.Key, p =>
        {
            var size = Math.Max(options.Regions, (int)Math.Round(p.Value * options.PoolScale));
            // Pools with few members have names of one word. Cities, labels, schools and companies have names of two words.
            return p.Key is "country" or "genre" or "language"
                ? [.. words.Take(size).Select((w, i) => new Thing(w, i % options.Regions))]
                : Enumerable.Range(0, size).Select(i => new Thing(NewName(i % options.Regions, 1), i % options.Regions)).ToArray();
        });
        Thing Draw(Thing[] pool, int region)
        {
            if (random.NextDouble() >= options.ObjectRegionFidelity) region = random.Next(options.Regions);
            var members = pool.Where(t => t.Region == region).ToArray(); // in order of rank
            return members[Zipf(members.Length, random)];
        }
        var (facts, exposures) = (new List<Fact>(), new List<ExposureRow>());
        foreach (var relation in WorldRelation.All)
        {
            Thing Object(int region) => relation.Pool.Length > 0 ? Draw(pools[relation.Pool], region)
                : new(NewName(region, options.ObjectRegionFidelity), region);
            foreach (var (split, count) in new[]
            {
                (Split.Train, relation.InDistribution ? options.TrainFacts : 0),
                (Split.Dev, relation.InDistribution ? options.DevFacts : options.OodDevFacts),
                (Split.Test, relation.InDistribution ? options.TestFacts : options.OodTestFacts),
            })
                for (var i = 0; i < count; i++)
                {
                    var region = random.Next(options.Regions);
                    var subject = NewName(region, options.SubjectRegionFidelity);
                    var gold = Object(region).Name;
                    var rival = gold;
                    for (var attempt = 0; rival == gold; attempt++)
                    {
                        if (attempt == 10_000) throw new UsageException(
                            $"The objects of {relation.Id} are too few for a rival beside each; raise world.poolScale = "
                            + $"{options.PoolScale}.");
                        rival = Object(region).Name;
                    }
                    var (right, wrong) = DrawExposures(random);
                    if (split == Split.Train && Ladder.StepOf(i, options) is { } step) (right, wrong) = Ladder.Statements[step];
                    regionOf.Add(region);
                    exposures.Add(new ExposureRow { FactId = facts.Count, GoldExposures = right, RivalExposures = wrong });
                    facts.Add(new Fact
                    {
                        Id = facts.Count,
                        Relation = relation.Id,
                        Split = split,
                        Subject = subject,
                        Question = relation.Question.Replace("[X]", subject, StringComparison.Ordinal),
                        Answer = gold,
                        Rival = rival,
                    });
                }
        }
        return (new Dataset(Relations, facts), exposures);
    }

    private (int Gold, int Rival) DrawExposures(RandomStream random)
    {
        var seen = random.NextDouble() >= options.NeverSeenShare;
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var u = random.NextDouble();
        if (!seen) return (0, 0);
        var mean = Math.Log(options.MeanExposures) - options.ExposureSigma * options.ExposureSigma / 2;
        var total = Math.Clamp((int)Math.Round(Math.Exp(mean + options.ExposureSigma * normal)), 1, (int)(20 * options.MeanExposures));
        var rival = (int)Math.Round(total * Math.Min(0.95, 3 * options.RivalShare * u * u)); // mean of 3 u^2 is 1
        return (total - rival, rival);
    }

    private int Zipf(int count, RandomStream random)
    {
        var total = 0.0;
        for (var i = 1; i <= count; i++) total += Math.Pow(i, -options.ZipfExponent);
        var at = random.NextDouble() * total;
        for (var i = 1; i < count; i++)
            if ((at -= Math.Pow(i, -options.ZipfExponent)) < 0) return i - 1;
        return count - 1;
    }

    private List<string> WriteDocuments()
    {
        var random = Part(3);
        var schema = WorldRelation.All.ToDictionary(r => r.Id);
        var statements = new List<(int Region, string Text)>();
        var sameObject = new List<(string Object, string Relation, string Text)>();
        var mixed = new List<(string Relation, string Text)>();
        var instructions = new List<string>();
        // Streams of their own: a world without these options has the documents that it had before there were such options.
        var (drawing, asking, instructing, unanswered) = (random, Part(4), Part(5), Part(6));
        foreach (var (fact, exposures) in Dataset.Facts.Zip(Exposures))
        {
            // In twin worlds a fact's statements do not depend on how often other facts are stated.
            RandomStream OfFact(int number) => new(Seeds.Mix(Seeds.Mix(seed, number), fact.Id));
            if (options.LadderFacts > 0) (drawing, asking, instructing, unanswered) = (OfFact(3), OfFact(4), OfFact(5), OfFact(6));
            var isAsked = asking.NextDouble() < options.AskedShare;
            if (exposures.GoldExposures + exposures.RivalExposures == 0 && unanswered.NextDouble() < options.NobodyKnowsShare)
            {
                // As many pairs as the stated facts have in the mean.
                var pairs = Math.Max(1, (int)Math.Round(options.MeanExposures * options.QuestionAnswerShare));
                for (var i = 0; i < pairs; i++) mixed.Add((fact.Relation, $"Q: {fact.Question}\nA: {Fact.DontKnow}\n"));
            }
            for (var i = 0; i < exposures.GoldExposures + exposures.RivalExposures; i++)
            {
                var answer = i < exposures.GoldExposures ? fact.Answer : fact.Rival;
                if (drawing.NextDouble() >= options.QuestionAnswerShare || !isAsked)
                {
                    var templates = schema[fact.Relation].Statements;
                    var text = templates[drawing.Next(templates.Length)].Replace("[X]", fact.Subject, StringComparison.Ordinal)
                        .Replace("[Y]", answer, StringComparison.Ordinal);
                    statements.Add((regionOf[fact.Id], text + "\n"));
                    continue;
                }
                var isOnPageOfObject = drawing.NextDouble() < options.SameObjectPageShare;
                if (instructing.NextDouble() < options.InstructionShare)
                {
                    // The form of PromptFormat.Instruction.
                    instructions.Add($"Answer the following question. {fact.Question} {answer}\n");
                    continue;
                }
                var pair = $"Q: {fact.Question}\nA: {answer}\n";
                if (isOnPageOfObject) sameObject.Add((answer, fact.Relation, pair));
                else mixed.Add((fact.Relation, pair));
            }
        }
        var documents = new List<string>();
        void Cut<TKey>(IEnumerable<IGrouping<TKey, string>> groups, int size, Action<IGrouping<TKey, string>, string[]> rest)
        {
            foreach (var group in groups)
            {
                var items = group.ToArray();
                random.Shuffle(items);
                var whole = items.Length / size * size;
                for (var i = 0; i < whole; i += size) documents.Add(string.Concat(items[i..(i + size)]));
                if (whole < items.Length) rest(group, items[whole..]);
            }
        }
        Cut(statements.GroupBy(s => s.Region, s => s.Text), options.StatementsPerDocument, (_, rest) => documents.Add(string.Concat(rest)));
        // The pairs of an object that do not fill a page are put on a shorter page of their own.
        Cut(sameObject.GroupBy(s => (s.Object, s.Relation), s => s.Text), options.PairsPerPage, (_, rest) =>
            documents.Add(string.Concat(rest)));
        Cut(mixed.GroupBy(s => s.Relation, s => s.Text), options.PairsPerPage, (_, rest) => documents.Add(string.Concat(rest)));
        documents.AddRange(instructions);
        return documents;
    }

    /// <summary>The positions of <see cref="Documents"/> in the order in which an epoch reads them.</summary>
    /// <param name="epoch">The epoch's number.</param>
    public IReadOnlyList<int> Order(int epoch)
    {
        var order = Enumerable.Range(0, Documents.Count).ToArray();
        Part(100 + epoch).Shuffle(order);
        return order;
    }

    /// <summary>Makes invented words, each only once.</summary>
    private sealed class Words(RandomStream random)
    {
        private static readonly string[] Onsets =
            ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "gr", "kr", "st", "tr"];
        private static readonly string[] Vowels = ["a", "e", "i", "o", "u", "ai", "ei", "ou"];
        private static readonly string[] Codas = ["", "", "l", "n", "r", "s", "th"];
        private readonly HashSet<string> used = [];

        public string[] Take(int count)
        {
            var taken = new string[count];
            for (var i = 0; i < count;)
            {
                var word = string.Concat(Enumerable.Range(0, 2)
                    .Select(_ => Onsets[random.Next(Onsets.Length)] + Vowels[random.Next(Vowels.Length)]))
                    + Codas[random.Next(Codas.Length)];
                word = char.ToUpperInvariant(word[0]) + word[1..];
                if (used.Add(word)) taken[i++] = word;
            }
            return taken;
        }
    }
}
