using System.Globalization;

namespace Slick.Paper;

/// <summary>
/// A claim that was written down before the runs that test it. notebooks/REGISTRATION.md has the same number, date and threshold, and says
/// what is measured.
/// </summary>
/// <param name="Number">1 to 7 in the paper's order; a letter, as in <c>1b</c>, marks a claim of ours about the same findings. 8 is
/// ours.</param>
/// <param name="Sentence">What is claimed.</param>
/// <param name="Source">Figure or table of the paper.</param>
/// <param name="Paper">The paper's numbers; empty for a claim of ours.</param>
/// <param name="Test">The statistic and its threshold.</param>
/// <param name="Registered">The day on which statistic and threshold were fixed.</param>
public sealed record RegisteredClaim(string Number, string Sentence, string Source, string Paper, string Test, DateOnly Registered)
{
    /// <summary>The first of the lab's seeds on which the claim is tested: 6 where runs of the seeds 1 to 5 had been looked at before the
    /// claim was registered.</summary>
    public int FirstSeed { get; init; } = 1;

    /// <summary>The day on which the statistic was changed although its numbers were known; null where it was never changed.</summary>
    public DateOnly? Changed { get; init; }

    /// <summary>True for a claim of ours, false for a claim of the paper. Holm's correction treats the two families apart.</summary>
    public bool IsOurs => Paper.Length == 0;
}

/// <summary>
/// The registered claims. Accuracies are in points (0 to 100). notebooks/REGISTRATION.md says what each statistic is, and why.
/// <c>Slick.Analysis.Claims</c> computes them.
/// </summary>
public static class RegisteredClaims
{
    /// <summary>Claim 3: two accuracies count as equal when they differ by at most this many points.</summary>
    public const double EqualityMargin = 2;
    /// <summary>Claim 3c: an accuracy is "not below the base model" when it is at most this many points lower.</summary>
    public const double EarlyStopMargin = 0.5;
    /// <summary>Claim 6: an accuracy is "low" when it is at most this many points.</summary>
    public const double LowAccuracy = 10;
    /// <summary>Claim 8: two rates of loss count as equal when they differ by at most this many points per 1,000 optimiser steps.</summary>
    public const double LossRateMargin = 1.5;

    private static readonly DateOnly First = new(2026, 11, 22), Second = new(2026, 11, 26);

    // A number as the paper's tables write it: 43.6.
    private static string N(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
    private static string Signed(double value) => value.ToString("+0.0;-0.0", CultureInfo.InvariantCulture);
    private static double Fall(string set, int column) => PaperStudy.EarlyStop[set][column] - PaperStudy.Convergence[set][column];

    /// <summary>All claims, in the order of their numbers.</summary>
    public static IReadOnlyList<RegisteredClaim> All { get; } =
    [
        new("1", "Unknown facts are fitted later than Known facts.", "Fig. 1, 4", "at EARLY_STOP most Known and few Unknown are fitted",
            "D 50%: epoch of half fitted, Unknown minus Known; share fitted at EARLY_STOP, Known minus Unknown; each 95% interval above 0",
            First),
        new("1b", "Of the examples that the base model answers wrongly behind every prompt, WeaklyKnown ones are fitted earlier than "
            + "Unknown ones.", "after Fig. 6", "", "D 50%: epoch of half fitted, Unknown minus WeaklyKnown; 95% interval above 0", Second)
            { FirstSeed = 6 },
        new("2", "Accuracy at CONVERGENCE falls as % Unknown rises, and the fall since EARLY_STOP grows with it.", "Fig. 3a",
            $"up to {PaperStudy.LargestDrop} points lost",
            "D: slope over % Unknown at CONVERGENCE, 95% interval below 0; slope of the fall since EARLY_STOP, 95% interval above 0",
            First),
        new("2b", "Accuracy at FIT falls as % Unknown rises, and the fall since EARLY_STOP grows with it.", "after Fig. 3a", "",
            "D: slope over % Unknown at FIT, 95% interval below 0; slope of the fall from EARLY_STOP to FIT, 95% interval above 0", Second)
            { FirstSeed = 6 },
        new("3", "D and D_Known are equal at EARLY_STOP; at CONVERGENCE D is below.", "Fig. 3b", "equal, then below",
            "mean of D - D_Known over % Unknown: at EARLY_STOP 90% interval within +-2; at CONVERGENCE 95% interval below 0", First),
        new("3b", "At FIT D is below D_Known.", "after Fig. 3b", "",
            "mean of D - D_Known over % Unknown, each at its FIT; 95% interval below 0", Second) { FirstSeed = 6 },
        new("3c", "At EARLY_STOP D with 100% Unknown is not below the base model.", "after Fig. 3b", "",
            "D 100% at EARLY_STOP minus the base model; 90% interval above -0.5", Second) { FirstSeed = 6 },
        new("4", "Fitting Known examples raises accuracy, fitting Unknown ones lowers it.", "Table 1",
            $"b_kn {Signed(PaperStudy.Fit.Known)}, b_unk {Signed(PaperStudy.Fit.Unknown)}, R2 "
            + PaperStudy.Fit.R2.ToString("F2", CultureInfo.InvariantCulture),
            "linear model of all epochs of D, fitted for each seed: b_kn, 95% interval above 0; b_unk, 95% interval below 0", First)
            { Changed = Second },
        new("4b", "Until the set is fitted, fitting Known examples raises accuracy and fitting Unknown ones lowers it.", "after Table 1",
            "",
            "linear model of the epochs up to FIT: b_kn, 95% interval above 0; b_unk, 95% interval below 0", Second) { FirstSeed = 6 },
        new("4c", "For the same number of epochs, fitting Known examples raises accuracy and fitting Unknown ones lowers it.",
            "after Table 1", "",
            "linear model of all epochs with the share of epochs done as third regressor: b_kn, 95% interval above 0; b_unk, 95% interval "
            + "below 0", Second) { FirstSeed = 6 },
        new("5", "MaybeKnown is the best single category at EARLY_STOP; Unknown and WeaklyKnown lose the most of what was known; D_Natural "
            + "falls.", "Table 2",
            $"{N(PaperStudy.EarlyStop["MaybeKnown"][0])} against {N(PaperStudy.EarlyStop["HighlyKnown"][0])}, "
            + $"{N(PaperStudy.EarlyStop["WeaklyKnown"][0])}, {N(PaperStudy.EarlyStop["Unknown"][0])}; HighlyKnown questions fall by "
            + $"{N(Fall("Unknown", 1))} (Unknown), {N(Fall("WeaklyKnown", 1))} (WeaklyKnown), {N(Fall("MaybeKnown", 1))}, "
            + $"{N(Fall("HighlyKnown", 1))}; Natural falls by {N(Fall("Natural", 0))}",
            "EARLY_STOP: MaybeKnown minus each other single category; loss from EARLY_STOP to CONVERGENCE on HighlyKnown and MaybeKnown "
            + "questions: each of Unknown, WeaklyKnown minus each of HighlyKnown, MaybeKnown; fall of D_Natural; each 95% interval above 0",
            First),
        new("5b", "At FIT MaybeKnown is the best single category; until FIT Unknown and WeaklyKnown lose the most of what was known; "
            + "D_Natural falls.", "after Table 2", "", "as 5, with FIT for EARLY_STOP in the first part and for CONVERGENCE in the others",
            Second) { FirstSeed = 6 },
        new("6", "Accuracy on Unknown test questions stays low whatever is trained.", "Table 2",
            $"{N(LowestUnknown())} to {N(HighestUnknown())}",
            "the highest accuracy of any set at EARLY_STOP or CONVERGENCE on Unknown test questions; upper bound of its 95% interval at "
            + "most 10", First),
        new("7", "The fall reaches relations that were not trained on.", "Fig. 7", $"up to {PaperStudy.LargestOodDrop} points lost",
            "as 2, on the test questions of the relations out of distribution: slope over % Unknown at CONVERGENCE, 95% interval below 0; "
            + "slope of the fall since EARLY_STOP, 95% interval above 0", Second) { FirstSeed = 6 },
        new("8", "After FIT every set loses at the same rate, and a learning rate that decays to zero removes most of it.", "ours", "",
            "loss per 1,000 updates from FIT to CONVERGENCE: of each set minus the mean of all sets, 90% interval within +-1.5; half of "
                + "D's "
            + "minus that of D with the decaying rate, 95% interval above 0", Second) { FirstSeed = 6 },
    ];

    /// <summary>The claim of a number, such as <c>3b</c>.</summary>
    /// <exception cref="SlickException">No claim has this number.</exception>
    public static RegisteredClaim Of(string number) => All.FirstOrDefault(c => c.Number == number)
        ?? throw new SlickException($"There is no claim '{number}'; there are {string.Join(", ", All.Select(c => c.Number))}.");

    private static double LowestUnknown() => PaperStudy.EarlyStop.Values.Concat(PaperStudy.Convergence.Values).Min(row => row[^1]);

    private static double HighestUnknown() => PaperStudy.EarlyStop.Values.Concat(PaperStudy.Convergence.Values).Max(row => row[^1]);
}
