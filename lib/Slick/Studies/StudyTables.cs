using System.Globalization;
using Slick.Analysis;
using Slick.Experiments;
using Slick.Figures;

namespace Slick.Studies;

/// <summary>What the tables and figures of the lab's studies share.</summary>
internal static class StudyTables
{
    /// <summary>A number with its interval, as a cell.</summary>
    public static string Cell(Interval value) => double.IsNaN(value.Estimate) ? "-" : value.HasBounds
        ? string.Create(CultureInfo.InvariantCulture, $"{value.Estimate:F1} [{value.Low:F1}, {value.High:F1}]") : Number(value.Estimate);

    /// <summary>A sum over values with its interval, as a cell.</summary>
    public static string Cell(StudyValues values, params IReadOnlyList<ValueTerm> terms) => Cell(values.Sum(terms).Value95);

    /// <summary>The mean of a number over clusters, without an interval, as a cell.</summary>
    public static string Mean(StudyValues values, ValueTerm term) => MeanOfSum(values, [term]);

    /// <summary>The mean of a sum over clusters, without an interval, as a cell.</summary>
    public static string MeanOfSum(StudyValues values, IReadOnlyList<ValueTerm> terms) =>
        values.Sum(terms).Value is var mean && double.IsNaN(mean) ? "-" : Number(mean);

    /// <summary>The mean epoch of a stop over runs, as a cell.</summary>
    public static string Epoch(StudyValues values, string variant, string set, string stop) => Epoch(values, [variant], set, stop);

    /// <summary>The mean epoch of a stop over runs of several variants, as a cell.</summary>
    public static string Epoch(StudyValues values, IReadOnlyList<string> variants, string set, string stop)
    {
        double[] epochs = [.. values.Rows.Where(r => variants.Contains(r.Variant) && r.Set == set && r.Measure == Measures.Lost
            && r.Stop == stop).Select(r => (double)r.Epoch)];
        return epochs.Length == 0 ? "-" : Number(epochs.Average());
    }

    /// <summary>A set's name in tables and figures.</summary>
    /// <param name="id">The set: <see cref="Arm.Id"/>.</param>
    public static string Name(string id) => new StudyOptions { Sets = id }.Arms()[0].Arm.ToString();

    /// <summary>Bars of sums, one at each place, with their intervals.</summary>
    /// <param name="name">The series' entry in the legend.</param>
    /// <param name="color">Index of the colour.</param>
    /// <param name="values">The estimates.</param>
    public static Series Bars(string name, int color, IReadOnlyList<Estimate> values) =>
        Series.Bars(name, color, [.. values.Select(v => ClaimParts.Scale(v.Value95, 0.01))]);

    private static string Number(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
}
