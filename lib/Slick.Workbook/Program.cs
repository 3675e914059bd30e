Console.WriteLine("slick");
