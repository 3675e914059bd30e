using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace Slick.Runtime;

/// <summary>
/// Checks the ranges that options declare (<see cref="RangeAttribute"/>). The command line, notebooks and every place where a record of
/// options is used call this check.
/// </summary>
public static class OptionRanges
{
    /// <summary>Checks every option of a record, and of the records in it.</summary>
    /// <typeparam name="T">The record's type.</typeparam>
    /// <param name="options">A record of options.</param>
    /// <param name="path">The text before an option's name in a message: the name of the record, such as <c>sampling</c>; empty for
    /// none.</param>
    /// <returns>The same record.</returns>
    /// <exception cref="UsageException">A value is out of its range, or a record is missing. The message has the option's path and its
    /// range.</exception>
    public static T Check<T>(T options, string path = "") where T : class
    {
        if (options is null) throw new UsageException(
            $"{(path.Length > 0 ? path : typeof(T).Name)} is missing; leave it out for the defaults.");
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.SetMethod is not null))
        {
            var name = char.ToLowerInvariant(property.Name[0]) + property.Name[1..];
            if (path.Length > 0) name = $"{path}.{name}";
            var value = property.GetValue(options);
            if (property.PropertyType.IsClass && property.PropertyType.Namespace?.StartsWith("Slick", StringComparison.Ordinal) == true)
                Check(value ?? throw new UsageException($"{name} is missing; leave it out for the defaults."), name);
            else CheckValue(property, name, value);
        }
        return options;
    }

    /// <summary>Checks one value against the range of its option.</summary>
    /// <param name="property">The option.</param>
    /// <param name="name">The option's path, for the message.</param>
    /// <param name="value">The value; null is in every range.</param>
    /// <exception cref="UsageException">The value is out of its range, or is not a value of its enumeration.</exception>
    public static void CheckValue(PropertyInfo property, string name, object? value)
    {
        var culture = CultureInfo.InvariantCulture;
        if (property.GetCustomAttribute<RangeAttribute>() is { } range && !range.IsValid(value))
            throw new UsageException(string.Create(culture,
                $"{name} = {value} is out of range; it lies between {range.Minimum} and {range.Maximum}."));
        if (value is Enum && !Enum.IsDefined(property.PropertyType, value))
            throw new UsageException(string.Create(culture,
                $"{name} = {value} is no value; it is one of {string.Join(", ", Enum.GetNames(property.PropertyType))}."));
    }
}
