/*
 * quickselect.h: the smallest elements of an array (Hoare 1961), for one type, as lib/sort_template.h sorts one.
 *
 * Define SELECT_FUNCTION, SELECT_TYPE and SELECT_LESS(a, b), of two pointers, and include this.  The function orders values so
 * that the first count ones are the smallest, with the largest of those in the last place, and returns that one.
 */
static SELECT_TYPE
SELECT_FUNCTION(SELECT_TYPE *values, int length, int count)
{
	int			low = 0;
	int			high = length - 1;
	int			place = count - 1;

	while (low < high)
	{
		SELECT_TYPE pivot = values[low + (high - low) / 2];
		int			i = low;
		int			j = high;

		while (i <= j)
		{
			while (SELECT_LESS(&values[i], &pivot))
				i++;
			while (SELECT_LESS(&pivot, &values[j]))
				j--;
			if (i <= j)
			{
				SELECT_TYPE swapped = values[i];

				values[i++] = values[j];
				values[j--] = swapped;
			}
		}
		if (place <= j)
			high = j;
		else if (place >= i)
			low = i;
		else
			break;
	}
	return values[place];
}

#undef SELECT_FUNCTION
#undef SELECT_TYPE
#undef SELECT_LESS
