namespace Slick.Facts;

/// <summary>Reads questions: a folder is EntityQuestions, a file holds a user's own questions. Taught in
/// <c>notebooks/07-your-own-model-and-data.ipynb</c>.</summary>
public static class QuestionSource
{
    /// <summary>Reads the questions of a folder or a file.</summary>
    /// <param name="path">The folder of EntityQuestions in its official layout, or a file (<see cref="OwnQuestions"/>).</param>
    /// <param name="columns">The names of a file's columns.</param>
    /// <param name="seed">Seed of the exemplars of a relation without dev questions.</param>
    /// <param name="shots">Number of exemplars in a prompt.</param>
    /// <param name="prompts">Number of prompts of a relation.</param>
    /// <exception cref="UsageException">Columns are named for a folder.</exception>
    /// <exception cref="SlickException">The questions cannot be read.</exception>
    public static Dataset Read(string path, QuestionColumns columns, int seed, int shots, int prompts)
    {
        if (File.Exists(path) || (Path.HasExtension(path) && !Directory.Exists(path)))
            return OwnQuestions.Read(path, columns, seed, shots, prompts);
        if (columns != new QuestionColumns())
            throw new UsageException($"{path} is no file, so it has no columns to name; leave --relation-column and the like out.");
        return EntityQuestions.Read(path);
    }
}
