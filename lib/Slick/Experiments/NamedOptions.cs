using System.Collections;
using System.Globalization;
using System.Reflection;
using Slick.Facts;
using Slick.Runtime;

namespace Slick.Experiments;

/// <summary>
/// Sets options of a study by name, as on the command line: <c>world.trainFacts=200</c>, <c>fineTuning.learningRate=3e-5</c>,
/// <c>estimator=sampled</c>. Upper and lower case are the same in names.
/// </summary>
public static class NamedOptions
{
    /// <summary>Gives a copy of the options with one value changed.</summary>
    /// <param name="options">A record of options; it is not changed.</param>
    /// <param name="setting">The setting, as name=value.</param>
    /// <exception cref="UsageException">There is no such option (the message suggests others), or the option does not take this
    /// value.</exception>
    public static T Set<T>(T options, string setting) where T : class
    {
        ArgumentNullException.ThrowIfNull(setting);
        var equals = setting.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1) throw new UsageException($"'{setting}' is no setting: write name=value, such as fineTuning.learningRate=3e-5.");
        var (name, value) = (setting[..equals].Trim(), setting[(equals + 1)..].Trim());
        var known = Names(typeof(T));
        var match = known.FirstOrDefault(k => string.Equals(k, name, StringComparison.OrdinalIgnoreCase));
        if (match is null)
        {
            // A suggestion with more than half of its letters wrong does not help. Without a better one the message lists all names.
            var near = known.Select(k => (Name: k, Distance: Math.Min(Distance(k, name), Distance(k[(k.LastIndexOf('.') + 1)..], name))))
                .Where(k => k.Distance <= name.Length / 2).OrderBy(k => k.Distance).Select(k => k.Name).Take(3).ToList();
            throw new UsageException(
                $"There is no option '{name}'; "
                + $"{(near.Count > 0 ? $"did you mean {string.Join(", ", near)}?" : $"there are {string.Join(", ", known)}.")}");
        }
        return (T)With(options, match.Split('.'), match, value);
    }

    /// <summary>The names of all options of a record. Names of nested options have a dot.</summary>
    public static IReadOnlyList<string> Names(Type type) =>
        [.. Properties(type).SelectMany(p => IsValue(p.PropertyType) ? [Camel(p.Name)]
            : Names(p.PropertyType).Select(n => $"{Camel(p.Name)}.{n}"))];

    /// <summary>All options by name, with their values as text. Reports show them, and <c>Set</c> takes them.</summary>
    public static IReadOnlyList<(string Name, string Value)> Values(object options) =>
        [.. Properties(options.GetType()).SelectMany(p => IsValue(p.PropertyType)
            ? [(Camel(p.Name), Convert.ToString(p.GetValue(options), CultureInfo.InvariantCulture) ?? "")]
            : Values(p.GetValue(options)!).Select(v => ($"{Camel(p.Name)}.{v.Name}", v.Value)))];

    private static object With(object record, string[] path, string name, string text)
    {
        var property = Properties(record.GetType()).Single(p => Camel(p.Name) == path[0]);
        var value = path.Length > 1 ? With(property.GetValue(record)!, path[1..], name, text) : Parse(property, name, text);
        var clone = record.GetType().GetMethod("<Clone>$")!.Invoke(record, null)!;
        property.SetValue(clone, value);
        return clone;
    }

    private static object Parse(PropertyInfo property, string name, string text)
    {
        var culture = CultureInfo.InvariantCulture;
        var type = property.PropertyType;
        object? value = null;
        if (type == typeof(string)) value = text;
        else if (type == typeof(int) && int.TryParse(text, NumberStyles.AllowLeadingSign, culture, out var whole)) value = whole;
        else if (type == typeof(double) && double.TryParse(text, NumberStyles.Float, culture, out var number)
            && double.IsFinite(number)) value = number;
        else if (type == typeof(bool) && bool.TryParse(text, out var truth)) value = truth;
        else if (type.IsEnum && Enum.GetNames(type)
            .FirstOrDefault(n => string.Equals(n, text.Replace("-", "", StringComparison.Ordinal),
            StringComparison.OrdinalIgnoreCase)) is { } member) value = Enum.Parse(type, member);
        if (value is null)
            throw new UsageException(type.IsEnum
                ? $"'{text}' is no value of {name}; it is one of {string.Join(", ", Enum.GetNames(type).Select(Camel))}."
                : $"'{text}' is no value of {name}; it takes "
                    + (type == typeof(int) ? "a whole number, without separators."
                        : type == typeof(double) ? "a number, such as 0.5 or 3e-5." : "true or false."));
        OptionRanges.CheckValue(property, name, value);
        return value;
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.SetMethod is not null
            && (p.PropertyType == typeof(string) || !typeof(IEnumerable).IsAssignableFrom(p.PropertyType)));

    private static bool IsValue(Type type) => type.IsPrimitive || type.IsEnum || type == typeof(string);

    private static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    // Levenshtein's distance. Upper and lower case are the same.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substitute = diagonal + (char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitute, 1 + Math.Min(row[j], row[j - 1]));
            }
        }
        return row[^1];
    }
}
